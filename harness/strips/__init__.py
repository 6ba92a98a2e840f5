"""What is inspected: the product, its liquid, its defects; drawn, or read from a recording."""
