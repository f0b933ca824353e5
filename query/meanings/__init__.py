"""What tables and lessons mean, said naively over the reference's graph: one file an operator.

`evaluate.py` gives these; what engines do instead is in `operators/`. The two share words, not ways.
"""
