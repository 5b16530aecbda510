"""The trade server: what a request asks for, which checks it passes, how it is carried out."""
