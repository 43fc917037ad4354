"""Front door for any WSGI server: the application built from the environment (`KAIHO_*`)."""

from booking.app.factory import create_app
from booking.app.wiring import build_services
from core import logs
from core.settings import Settings

logs.configure()
app = create_app(build_services(Settings()))
