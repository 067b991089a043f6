"""The rules, in files by what they are about. The first letters of a rule's id name its family.

The registry imports every file whose name does not begin with an underscore.
"""
