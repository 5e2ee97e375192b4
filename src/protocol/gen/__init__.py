"""The codec generator: parse -> model -> rules -> emit. See venusgen.py."""
