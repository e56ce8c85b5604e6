"""filterd - an anti-spam milter and content-filter sidecar for Postfix and Sendmail."""

__version__ = "0.1.0"
