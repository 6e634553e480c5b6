"""Contracts served over HTTP: routes, the app around them, error bodies, OpenAPI, the server."""

from tidemill.kit.http.app import App, make_app
from tidemill.kit.http.edge import Edge
from tidemill.kit.http.openapi import describe
from tidemill.kit.http.running import serve_http
from tidemill.kit.http.serving import Dialect, path_parameter, serve

__all__ = ["App", "Dialect", "Edge", "describe", "make_app", "path_parameter", "serve", "serve_http"]
