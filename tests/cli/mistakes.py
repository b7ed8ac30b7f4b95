"""The likely mistakes of an operator: the settings with each, and the message that it gets.

A message names the key or the path, the fault and the remedy. ``...`` stands for any text.
"""

from __future__ import annotations

import os
import pwd
from typing import Final

from orchestrator_core.resources import core_version
from orchestrator_core.state import schema

CLOUD: Final = '[clouds.a]\ndriver = "dummy"\n'
LOCAL: Final = '[server]\nbind = "127.0.0.1:0"\n'
TOKENS: Final = '[auth]\nmode = "token"\n[auth.tokens]\n'
ME: Final = pwd.getpwuid(os.geteuid()).pw_name
PUBLIC: Final = (
    "orchestrator: Refusing to listen on 0.0.0.0:8080 without authentication: every client that "
    'can reach it could start and destroy VMs. Either set [auth] mode = "token" with at least one '
    "token in [auth.tokens], or listen on 127.0.0.1 (or unix:PATH) behind a proxy that "
    "authenticates"
)

MISTAKES: Final = {
    "a file that is missing": (
        None,
        (
            "orchestrator: {file}: there is no such file; correct --config, or run: "
            "orchestrator init {folder}"
        ),
    ),
    "a section that is not closed": (
        "[clouds.a\n",
        (
            "orchestrator: {file}: is not valid TOML: Expected ']' at the end of a table "
            "declaration "
            "(at line 1, column 10)"
        ),
    ),
    "two clouds of one name": (
        CLOUD + CLOUD,
        (
            "orchestrator: {file}: is not valid TOML: Cannot declare [clouds.a] twice "
            "(at line 3, column 10)"
        ),
    ),
    "typing mistakes on all levels": (
        'defualt_cloud = "a"\n[sever]\n[server]\nbidn = "x"\n[clouds.a]\ndrivr = "dummy"\n',
        (
            'orchestrator: {file}: [clouds.a] driver: missing; name a plugin that "orchestrator '
            'plugins" lists, as in driver = "libcloud"\n'
            '{file}: [clouds.a] drivr: unknown key; did you mean "driver"?\n'
            '{file}: defualt_cloud: unknown key; did you mean "default_cloud"?\n'
            '{file}: [server] bidn: unknown key; did you mean "bind"?\n'
            '{file}: sever: unknown key; did you mean "server"?'
        ),
    ),
    "typing mistakes for the core and for plugins": (
        (
            'defualt_cloud = "a"\n[server]\nbidn = "x"\n'
            '[clouds.a]\ndriver = "dummy"\nstor = "memory"\nthreads = "many"\n'
            '[clouds.b]\ndriver = "dummy"\n[clouds.b.faults]\neror_rate = 0.5\nerror_rate = 2\n'
            "[clouds.b.deadlines]\nlist_nodes = -3\n[clouds.c]\ndrivr = 'dummy'\n"
        ),
        (
            'orchestrator: {file}: [clouds.a] stor: unknown key; did you mean "store"?\n'
            "{file}: [clouds.a] threads: must be a whole number from 1 to 256\n"
            "{file}: [clouds.b.deadlines] list_nodes: must be a number of seconds, more than 0 and "
            "at most 86400\n"
            '{file}: [clouds.b.faults] eror_rate: unknown key; did you mean "error_rate"?\n'
            "{file}: [clouds.b.faults] error_rate: must be greater than or equal to 0 and less "
            "than or equal to 1\n"
            '{file}: [clouds.c] driver: missing; name a plugin that "orchestrator plugins" lists, '
            'as in driver = "libcloud"\n'
            '{file}: [clouds.c] drivr: unknown key; did you mean "driver"?\n'
            '{file}: defualt_cloud: unknown key; did you mean "default_cloud"?\n'
            '{file}: [server] bidn: unknown key; did you mean "bind"?\n'
        ),
    ),
    "a number that is a word": (
        '[server]\nworkers = "many"\n',
        "orchestrator: {file}: [server] workers: must be a whole number from 1 to 1024",
    ),
    "a top-level key below a section": (
        f'{CLOUD}default_cloud = "a"\n[server]\ndefault_cloud = "a"\n',
        (
            "orchestrator: {file}: [clouds.a] default_cloud: unknown key here; default_cloud "
            "stands at the top of the file, above the first [section]\n"
            "{file}: [server] default_cloud: unknown key here; default_cloud stands at the top"
        ),
    ),
    "a section that does not exist": (
        "[frobnicate]\n",
        "orchestrator: {file}: frobnicate: unknown key or section; known are allow_removal, ",
    ),
    "a token in the place of the section of tokens": (
        '[auth]\nmode = "token"\ntokens = "env:OPS_TOKEN"\n',
        (
            "orchestrator: {file}: [auth] tokens: must be a section [auth.tokens] with a line for "
            'each caller, whose name is yours to choose, such as ops = "env:OPS_TOKEN"'
        ),
    ),
    "words in the place of true and of seconds": (
        '[state]\nurl = "sqlite:///x.db"\nworker = "yes"\nretention = "a week"\n',
        (
            "orchestrator: {file}: [state] retention: must be a number of seconds, at least 0\n"
            "{file}: [state] worker: must be true or false, without quotes\n"
        ),
    ),
    "a backend without its section": (
        f'{CLOUD}assignment = "cistren"\n[assignments.cistern]\nbackend = "given"\n',
        (
            "orchestrator: {file}: [clouds.a] assignment: there is no [assignments.cistren]; did "
            'you mean "cistern"? (configured: cistern)\n'
        ),
    ),
    "sections without what they need": (
        '[state]\n[server.tls]\nkey = "x"\n',
        (
            "orchestrator: {file}: [server.tls] certificate: missing; [server.tls] needs both "
            "certificate and key\n"
            '{file}: [state] url: missing; for one machine, add url = "sqlite:///var/'
            'orchestrator.db"\n'
        ),
    ),
    "a default cloud that does not exist": (
        f'default_cloud = "b"\n{CLOUD}',
        "orchestrator: {file}: default_cloud: there is no [clouds.b] (configured: a)",
    ),
    "a driver that is not installed": (
        '[clouds.a]\ndriver = "dumy"\n',
        (
            'orchestrator: {file}: [clouds.a] driver: no installed plugin is named "dumy"; did you '
            'mean "dummy"? (installed: '
        ),
    ),
    "a provider that Libcloud does not have": (
        '[clouds.a]\ndriver = "libcloud"\nprovider = "opnstack"\n',
        (
            "orchestrator: {file}: [clouds.a] provider: libcloud has no provider 'opnstack'; "
            "did you "
            "mean 'openstack'?"
        ),
    ),
    "a key that the plugin does not know": (
        f'{CLOUD}stor = "memory"\n',
        'orchestrator: {file}: [clouds.a] stor: unknown key; did you mean "store"?',
    ),
    "a token in the file": (
        f'{TOKENS}ops = "0123456789abcdef"\n',
        (
            'orchestrator: {file}: [auth.tokens] ops: must be "env:NAME" or "file:PATH", not the '
            "secret itself"
        ),
    ),
    "a token in a variable that is not set": (
        f'{TOKENS}ops = "env:NOT_SET"\n',
        (
            "orchestrator: {file}: [auth.tokens] ops: the environment variable that it names "
            "is not set, or empty; set it where this command and the server start"
        ),
    ),
    "a token in a missing file": (
        f'{TOKENS}ops = "file:token"\n',
        (
            "orchestrator: {file}: [auth.tokens] ops: file:token cannot be read: there is no "
            "{folder}/token; create it, or correct the path"
        ),
    ),
    "a token that is easy to guess": (
        f'{TOKENS}ops = "file:weak"\n',
        (
            "[auth.tokens] ops: the token is easy to guess: it has fewer than 8 different "
            "characters; replace it with the output of openssl rand -hex 32 ([auth] "
            "allow_weak_tokens = true accepts it, for a test)"
        ),
    ),
    "a public address without tokens": ('[server]\nbind = "0.0.0.0:8080"\n', PUBLIC),
    "an address of another machine": (
        f'[server]\nbind = "192.0.2.7:8080"\n{TOKENS}ops = "file:strong"\n',
        (
            "orchestrator: [server] bind: cannot listen on 192.0.2.7:8080: 192.0.2.7 is not an "
            "address of this machine; name one that `ip address` shows, 127.0.0.1 for this "
            "machine alone, or "
            "0.0.0.0 for all its addresses"
        ),
    ),
    "a port for root alone": (
        '[server]\nbind = "127.0.0.1:80"\n',
        (
            "orchestrator: [server] bind: cannot listen on 127.0.0.1:80: only root, or a "
            "process with "
            "CAP_NET_BIND_SERVICE, may use port 80; name a port from 1024 on, behind a proxy that "
            "listens here"
        ),
    ),
    "one port for the API and for metrics": (
        '[server]\nbind = "127.0.0.1:9464"\n[metrics]\nbind = "0.0.0.0:9464"\n',
        ("orchestrator: [metrics] bind: port 9464 is that of [server] bind; name another port"),
    ),
    "metrics on a Unix socket": (
        f'{LOCAL}[metrics]\nbind = "unix:metrics.sock"\n',
        (
            'orchestrator: {file}: [metrics] bind: must be "HOST:PORT"; a Unix socket cannot be '
            "used here"
        ),
    ),
    "ports above the last": (
        '[server]\nbind = "127.0.0.1:70000"\n[metrics]\nbind = "127.0.0.1:94640"\n',
        (
            "orchestrator: {file}: [metrics] bind: a port is a number from 1 to 65535, or 0 for "
            "any free one\n"
            "{file}: [server] bind: a port is a number from 1 to 65535, or 0 for any free one\n"
        ),
    ),
    "a socket in a missing folder": (
        '[server]\nbind = "unix:{folder}/run/socket"\n',
        (
            "orchestrator: [server] bind: cannot listen on unix:{folder}/run/socket: there is no "
            "folder "
            "{folder}/run; make it, or name a socket in another one"
        ),
    ),
    "a certificate that is missing": (
        f'{LOCAL}[server.tls]\ncertificate = "tls.pem"\nkey = "tls.key"\n',
        (
            "orchestrator: {file}: [server.tls] certificate: {folder}/tls.pem cannot be read: "
            "there is no {folder}/tls.pem; create it, or correct the path\n"
            "{file}: [server.tls] key: {folder}/tls.key cannot be read: there is no "
            "{folder}/tls.key; create it, or correct the path\n"
        ),
    ),
    "an empty certificate and a key that is missing": (
        f'{LOCAL}[server.tls]\ncertificate = "empty"\nkey = "tls.key"\n',
        (
            "orchestrator: {file}: [server.tls] certificate: {folder}/empty is empty; it must "
            'hold the certificate in PEM format ("-----BEGIN CERTIFICATE-----")\n'
            "{file}: [server.tls] key: {folder}/tls.key cannot be read: there is no "
            "{folder}/tls.key; create it, or correct the path\n"
        ),
    ),
    "the certificate in the place of its key": (
        f'{LOCAL}[server.tls]\ncertificate = "strong"\nkey = "strong"\n',
        (
            "orchestrator: {file}: [server.tls] certificate: {folder}/strong holds no certificate "
            'in PEM format ("-----BEGIN CERTIFICATE-----")\n'
            "{file}: [server.tls] key: {folder}/strong holds no private key in PEM format "
            '("-----BEGIN PRIVATE KEY-----")\n'
        ),
    ),
    "a database of another kind": (
        f'{LOCAL}[state]\nurl = "mysql://root@127.0.0.1/state"\n',
        (
            "orchestrator: {file}: [state] url: must be sqlite:///PATH or "
            "postgresql+psycopg://USER@HOST/DATABASE"
        ),
    ),
    "a database in a folder that cannot be written": (
        f'{LOCAL}[state]\nurl = "sqlite:///closed/state.db"\n',
        (
            "orchestrator: {file}: [state] url: {folder}/closed/state.db cannot be written...: the "
            "folder "
            f"{{folder}}/closed belongs to {ME}:... user {ME} may not write to it; allow it: "
            f"chmod u+w "
            "{folder}/closed"
        ),
    ),
    "PostgreSQL without its driver": (
        f'{LOCAL}[state]\nurl = "postgresql+psycopg://orchestrator@127.0.0.1/state"\n',
        (
            "orchestrator: {file}: [state] url: PostgreSQL needs the driver psycopg, which is not "
            "installed; install it: pip install 'vm-orchestrator[postgresql]'"
        ),
    ),
    "a cloud of Libcloud without Libcloud": (
        f'{LOCAL}[clouds.a]\ndriver = "libcloud"\nprovider = "openstack"\n',
        (
            'orchestrator: {file}: [clouds.a] driver: the plugin "libcloud" needs the Python '
            "module libcloud, which is not installed; install it, for example with pip install "
            "vm-orchestrator-libcloud"
        ),
    ),
    "a run directory that cannot be written": (
        LOCAL,
        (
            "orchestrator: environment variable ORCHESTRATOR_RUN_DIRECTORY: no file can be made in "
            "{folder}/closed: Permission denied; name a folder that this user may write to, or "
            "remove the variable"
        ),
    ),
    "a run directory that is missing": (
        LOCAL,
        (
            "orchestrator: environment variable ORCHESTRATOR_RUN_DIRECTORY: there is no folder "
            "{folder}/missing; create it, or remove the variable"
        ),
    ),
    "a database of a newer version": (
        f'{LOCAL}[state]\nurl = "sqlite:///newer.db"\n',
        (
            f"orchestrator: the database {{folder}}/newer.db has schema {schema.SCHEMA + 1}, which "
            f"is too new for version {core_version()} (schema {schema.SCHEMA}): install the version"
        ),
    ),
    "a database of a version before the first": (
        f'{LOCAL}[state]\nurl = "sqlite:///older.db"\n',
        (
            "orchestrator: the database {folder}/older.db has schema "
            f"{schema.FIRST_RELEASED - 1}, of a version before the first release; it cannot be "
            "upgraded."
        ),
    ),
}


WITHOUT: Final = {
    "PostgreSQL without its driver": "psycopg",
    "a cloud of Libcloud without Libcloud": "libcloud",
}
"""The module that is not installed, by mistake."""
