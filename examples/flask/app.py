import os
import platform

from flask import Flask

app = Flask(__name__)


@app.route("/")
def page():
    return f"""<!doctype html>
<title>Strake</title>
<h1>It floats.</h1>
<p>Flask on Python {platform.python_version()}, in container {os.uname().nodename}.</p>
"""
