import os

import pymysql
from flask import Flask, jsonify

app = Flask(__name__)


@app.route("/")
def page():
    return "Welcome!\n"


@app.route("/db")
def database():
    host = os.environ.get("DB_HOST")
    if host is None:
        return jsonify(driver=pymysql.__version__, connected=False)
    with pymysql.connect(host=host, user=os.environ["DB_USER"], password=os.environ["DB_PASSWORD"]) as connection:
        return jsonify(driver=pymysql.__version__, connected=True, server=connection.get_server_info())
