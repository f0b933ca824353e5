"""The web explorer: a graph that people look at.

`app.create` makes the server, `access.py` says who may ask it. The page is in `static/`, plain
modules that a browser reads as they are; `vendor/` holds the libraries it uses, with their licences.
Nothing here is imported before the explorer is started.
"""
