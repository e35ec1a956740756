"""One network in five frameworks, for recipes.claims.frameworks."""
