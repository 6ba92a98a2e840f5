"""A water-filled syringe with moving air bubbles."""
