"""What is generated from the code: one module per kind of file, each with a function that returns its text."""
