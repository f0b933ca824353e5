"""What has to go when somebody asks, and how that is done so that it can be proven.

`census` brings the subject index up to date with the versions that there are, `findings` says where a
subject is held and what was made from it.
"""
