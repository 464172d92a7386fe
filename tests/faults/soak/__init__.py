"""Faults without an end, for a server that runs as long as one likes.

python3 install.py soak --minutes 60 --seed 1      faults at random moments, with a table and a plot
python3 install.py soak fuzz --messages 1000000    bytes that reach code which nothing reached before (atheris)
python3 install.py soak cancels --count 200        jobs that are cancelled at random moments
python3 install.py soak hellos --seconds 60        hellos while 500 sockets, 8 clients and a hostile one are there
"""
