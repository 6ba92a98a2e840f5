"""One whole qualification: scenario to strips to line to verdict, a file a step, and the folder that proves it."""
