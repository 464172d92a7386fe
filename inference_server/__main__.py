"""The command line: python -m inference_server {serve,stop,doctor,keys,models,segment,remove,fill,replace}."""

import sys

from .cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
