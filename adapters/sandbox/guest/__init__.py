"""The part that runs inside the sandbox, under the sandbox's own Python: standard library, and matplotlib when used.

The sandbox sees this folder and nothing else of the project. Nothing here is trusted by the service: model-written
code runs in the same process and can say anything that this code can say.
"""
