"""Reading a recipe: its schema, the checks on the whole, sweeps, and the documentation made from them."""
