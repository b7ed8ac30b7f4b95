"""A vSphere server on loopback: the few SOAP methods that Libcloud's driver calls, over TLS."""

from __future__ import annotations

import gzip
import re
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import trustme

ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    "<soapenv:Body>{}</soapenv:Body></soapenv:Envelope>"
)
VERSIONS = (
    '<namespaces version="1.0"><namespace><name>urn:vim25</name><version>7.0</version>'
    "<priorVersions><version>6.7</version></priorVersions></namespace></namespaces>"
)
CONTENT = (
    '<rootFolder type="Folder">group-d1</rootFolder>'
    '<propertyCollector type="PropertyCollector">propertyCollector</propertyCollector>'
    '<viewManager type="ViewManager">ViewManager</viewManager>'
    "<about><name>vc</name><fullName>vc</fullName><vendor>v</vendor><version>7.0</version>"
    "<build>1</build><osType>linux</osType><productLineId>vpx</productLineId>"
    "<apiType>VirtualCenter</apiType><apiVersion>7.0</apiVersion></about>"
    '<sessionManager type="SessionManager">SessionManager</sessionManager>'
    '<eventManager type="EventManager">EventManager</eventManager>'
    '<searchIndex type="SearchIndex">SearchIndex</searchIndex>'
)
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
UUID = "50112233-4455-6677-8899-aabbccddeeff"


class Vsphere:
    """A vSphere with one VM, ``web``.

    Attributes:
        power: its power state.
        exists: whether the VM exists.
        tools: whether VMware Tools run in it.
        fault: the fault that each task ends with, if any.
        delay: seconds before each SOAP answer.
        padding: bytes of white space in front of each SOAP answer.
        key: the key of each session.
        cookie: the session that SOAP answers set, if any.
        packing: the encoding of SOAP answers, ``gzip`` or ``deflate``, if any.
        seen: method names of SOAP requests, and paths of others, as they came.
        bodies: their bodies.
    """

    def __init__(self) -> None:
        self.power = "poweredOn"
        self.exists = True
        self.tools = True
        self.fault = ""
        self.delay = 0.0
        self.padding = 0
        self.packing = ""
        self.cookie = ""
        self.key = "k"
        self.password = "s3cret"
        self.seen: list[str] = []
        self.bodies: list[str] = []
        self.polls = 0

    def soap(self, body: str) -> tuple[int, str]:
        found = re.search(r"<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)", body)
        method = found[1] if found else "?"
        self.seen.append(method)
        self.bodies.append(body)
        time.sleep(self.delay)
        answer = getattr(self, f"on_{method.lower()}", None)
        if answer is None:
            return 500, _fault("NotSupported", f"no {method}")
        status, inner = answer(body)
        return status, inner if status != 200 else _response(method, inner)

    def on_retrieveservicecontent(self, _: str) -> tuple[int, str]:
        return 200, f"<returnval>{CONTENT}</returnval>"

    def on_login(self, body: str) -> tuple[int, str]:
        if f">{self.password}</password>" not in body:
            return 500, _fault("InvalidLogin", "Cannot complete login: incorrect user name")
        session = f"<key>{self.key}</key><userName>u</userName><fullName>u</fullName>"
        times = "".join(
            f"<{name}>2026-01-01T00:00:00Z</{name}>" for name in ("loginTime", "lastActiveTime")
        )
        locale = "<locale>en</locale><messageLocale>en</messageLocale>"
        return 200, f"<returnval>{session}{times}{locale}</returnval>"

    def on_logout(self, _: str) -> tuple[int, str]:
        return 200, ""

    def on_createcontainerview(self, _: str) -> tuple[int, str]:
        return 200, '<returnval type="ContainerView">view-1</returnval>'

    def on_queryevents(self, _: str) -> tuple[int, str]:
        return 200, ""

    def on_findbyuuid(self, _: str) -> tuple[int, str]:
        return 200, '<returnval type="VirtualMachine">vm-1</returnval>'

    def on_fetch(self, body: str) -> tuple[int, str]:
        prop = re.search(r"<prop[^>]*>([^<]+)</prop>", body)
        assert prop is not None
        known = {"content": ("ServiceContent", CONTENT), **self._vm()}
        if prop[1] == "info":
            known |= self._task()
        kind, value = known[prop[1]]
        return 200, f'<returnval xsi:type="{kind}">{value}</returnval>'

    def on_retrieveproperties(self, body: str) -> tuple[int, str]:
        if not self.exists:
            return 200, ""
        asked = re.findall(r"<pathSet[^>]*>([^<]+)</pathSet>", body)
        known = self._vm()
        sets = "".join(
            f'<propSet><name>{n}</name><val xsi:type="{known[n][0]}">{known[n][1]}</val></propSet>'
            for n in asked
            if n in known
        )
        return 200, f'<returnval><obj type="VirtualMachine">vm-1</obj>{sets}</returnval>'

    def _vm(self) -> dict[str, tuple[str, str]]:
        runtime = (
            "<connectionState>connected</connectionState>"
            f"<powerState>{self.power}</powerState>"
            "<toolsInstallerMounted>false</toolsInstallerMounted><numMksConnections>0"
            "</numMksConnections><recordReplayState>inactive</recordReplayState>"
            "<consolidationNeeded>false</consolidationNeeded>"
        )
        return {
            "config.template": ("xsd:boolean", "false"),
            "summary.config.name": ("xsd:string", "web"),
            "summary.config.memorySizeMB": ("xsd:int", "1024"),
            "summary.config.numCpu": ("xsd:int", "1"),
            "summary.storage.committed": ("xsd:long", "1073741824"),
            "summary.config.instanceUuid": ("xsd:string", UUID),
            "summary.runtime.powerState": ("VirtualMachinePowerState", self.power),
            "summary.guest.ipAddress": ("xsd:string", "10.0.0.5"),
            "runtime": ("VirtualMachineRuntimeInfo", runtime),
        }

    def _task(self) -> dict[str, tuple[str, str]]:
        self.polls += 1
        state = "running" if self.polls % 2 else "error" if self.fault else "success"
        error = (
            f'<error><fault xsi:type="{self.fault}"/>'
            "<localizedMessage>No.</localizedMessage></error>"
            if state == "error"
            else ""
        )
        info = (
            '<key>task-1</key><task type="Task">task-1</task><descriptionId>d</descriptionId>'
            f"<state>{state}</state><cancelled>false</cancelled><cancelable>false</cancelable>"
            f'{error}<reason xsi:type="TaskReasonUser"><userName>u</userName></reason>'
            "<queueTime>2026-01-01T00:00:00Z</queueTime><eventChainId>1</eventChainId>"
        )
        return {"info": ("TaskInfo", info)}

    def _begin(self, power: str) -> tuple[int, str]:
        self.polls = 0
        if not self.fault:
            self.power = power
        return 200, '<returnval type="Task">task-1</returnval>'

    def on_poweroffvm_task(self, _: str) -> tuple[int, str]:
        return self._begin("poweredOff")

    def on_poweronvm_task(self, _: str) -> tuple[int, str]:
        return self._begin("poweredOn")

    def on_destroy_task(self, _: str) -> tuple[int, str]:
        self.exists = bool(self.fault)
        return self._begin(self.power)

    def on_rebootguest(self, _: str) -> tuple[int, str]:
        return (200, "") if self.tools else (500, _fault("ToolsUnavailable", "No tools."))


def _response(method: str, inner: str) -> str:
    return ENVELOPE.format(f'<{method}Response xmlns="urn:vim25">{inner}</{method}Response>')


def _fault(name: str, text: str) -> str:
    return ENVELOPE.format(
        f"<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{text}</faultstring>"
        f'<detail><{name}Fault xmlns="urn:vim25" xsi:type="{name}"/></detail></soapenv:Fault>'
    )


@contextmanager
def serving(cloud: Vsphere, authority: trustme.CA, *names: str) -> Iterator[int]:
    """Serve over TLS with a certificate for these names, signed by this authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 30

        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

        def do_GET(self) -> None:
            cloud.seen.append(self.path)
            self._say(200 if self.path.endswith("Versions.xml") else 404, VERSIONS.encode())

        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            status, text = cloud.soap(self.rfile.read(size).decode())
            text = text.replace("?>", "?>" + " " * cloud.padding, 1)
            body = _PACKERS[cloud.packing](text.encode())
            self._say(status, body, cloud.packing)

        def _say(self, status: int, body: bytes, packing: str = "") -> None:
            self.send_response(status)
            if packing:
                self.send_header("Content-Encoding", packing)
            if cloud.cookie:
                cookie = f'vmware_soap_session="{cloud.cookie}"; Path=/; HttpOnly; Secure;'
                self.send_header("Set-Cookie", cookie)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):  # a client that reads no more
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Log nothing: a client that does not trust the server disconnects."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
