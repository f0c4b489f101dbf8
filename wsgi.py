from gevent import monkey; monkey.patch_all()  # noqa: E702, I001 - before anything else is imported
from interview_platform.app import create_app

app = create_app()
