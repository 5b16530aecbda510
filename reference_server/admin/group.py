"""The commands of `tonpo admin`."""

from __future__ import annotations

import click

from reference_server.admin.audit import audit
from reference_server.admin.backup import backup, restore
from reference_server.admin.keys import keys
from reference_server.admin.nodes import nodes
from reference_server.admin.schema import migrate
from reference_server.admin.users import users
from reference_server.doctor.command import doctor


@click.group()
def admin() -> None:
    """Look after a gateway's users, keys and data, on the machine where its data lies."""


for _command in (audit, backup, doctor, keys, migrate, nodes, restore, users):
    admin.add_command(_command)
