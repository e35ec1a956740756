"""The compiled programs that train: their steps, and how trainings share them."""
