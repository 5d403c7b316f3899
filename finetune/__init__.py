"""How the model is made: data, training, evaluation, export. `config` is what a run is told.

data        rows of any common shape, split by group, encoded, on disk with their hashes
tasks       what a model can learn, one protocol for all
train       the training loop and the LoRA learner of this machine
backends    what else trains: a GPU with unsloth, the service Tinker
evaluation  answers to labelled rows, measured, compared and shown
search      a search for settings
labels      documents and their labels: collected, asked of teachers, put before a person
judging     models as judges
plots       all pictures
export      from a trained adapter to what llama.cpp, Ollama and a hub take
"""
