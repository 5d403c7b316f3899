"""How the model is made: data, training, evaluation, export.

Here is what training itself needs, from `config` and `data` to `learner` and `train`. Rooms:

labels      documents and their labels: collected, asked of teachers, put before a person
tasks       what a model can learn, one protocol for all
backends    what trains: this machine, a GPU with unsloth, the service Tinker
search      a search for settings
exam        answers to labelled rows, measured, compared and shown
judging     models as judges
plots       all pictures
ship        from a trained adapter to what llama.cpp, Ollama and a hub take
"""
