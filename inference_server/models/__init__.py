"""The models: which there are (`catalogue`), their files (`store`), and what suits this machine (`overview`)."""
