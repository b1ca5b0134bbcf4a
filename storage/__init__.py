"""Where things are kept: turns and threads in one SQLite file, plots in a folder. Files are `<thing>_<place>.py`.

(Bot Framework also says "storage"; this is not it.)
"""
