"""How the weights of `digest.extract` come about: labelled letters, drawn letters, a fit.

alignment   labels to the blocks of a page
shapes      letters of every shape, drawn by chance
letters     both kinds of letters, read
fit         the fit itself, with its check on publishers held out: `make fit-extract`

`publishers.json` lists the letters (digits of the SHA-256 of their bytes) by publisher (a hash of
its name): development ones to fit with, and a third that nothing here ever looks at.
"""
