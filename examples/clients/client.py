#!/usr/bin/env python3
"""A client in Python: what runs, and a marker in the cache.

    python3 client.py http://127.0.0.1:9001
"""
import sys
from xmlrpc.client import ServerProxy

server = ServerProxy(sys.argv[1] if len(sys.argv) > 1 else 'http://127.0.0.1:9001')

for process in server.supervisor.getAllProcessInfo():
    print(process['name'], 'is', process['statename'])
server.cache.store('deployed', 'release 7')
print('deployed is', server.cache.fetch('deployed'))
