"""How the model is made: data, training, evaluation, export."""
