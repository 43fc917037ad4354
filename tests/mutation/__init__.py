"""How many planted mistakes in the arithmetic of money the tests find."""
