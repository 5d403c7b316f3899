"""From a trained adapter to what llama.cpp, Ollama and a hub take, proven to be right."""
