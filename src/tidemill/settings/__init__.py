"""Every setting, one frozen struct per service; read once, by the composition root."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tidemill.settings.login import LoginSettings
from tidemill.settings.retention import RetentionSettings, Seconds

MemberAddingMode = Literal["direct", "invitation"]


class Secret(str):
    """A setting that is never shown: `repr` and `config show` hide it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'" if self else "''"


class WebSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where this process listens."""

    listen: str = "127.0.0.1:8000"
    """Address and port; port 0 takes a free one."""
    tls_cert: str = ""
    """The file of the server's certificate and those above it (PEM): it is served over TLS then."""
    tls_key: str = ""
    """The file of its private key (PEM)."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies whose `X-Forwarded-For` says who asks: `127.0.0.1,10.0.0.0/8`."""


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public API."""

    url: str = ""
    """Where other services reach the gateway, one address or several (`a,b`); "" when it runs in
    this process."""
    database: Secret = Secret("")
    """`postgresql://…`; "" is a SQLite file in the data directory."""
    exposed_url: str = ""
    """How users reach the gateway, for links; "" is the address listened on."""
    keep_pushes: Seconds = 7_776_000.0
    """Seconds for which pushes that were worked on are remembered, with what came of them; 90 days."""
    organization_member_adding_mode: MemberAddingMode = "direct"
    """How users come to organizations: owners add them (`direct`), or ask them (`invitation`)."""
    admin_token: Secret = Secret("")
    """The administrator's token; "" generates one into <data_dir>/admin-token."""
    allowed_origins: tuple[str, ...] = ()
    """Origins whose pages may ask the API in a browser, beside our own: `https://ci.example.com`."""
    unsecure_cookies: bool = False
    """Cookies without `Secure` and `__Host-`, for a server that browsers reach over plain HTTP."""
    session_duration: Annotated[float, Meta(ge=60, le=31_536_000)] = 43_200.0
    """Seconds for which a login lasts; 12 hours."""
    anonymous_direct_runs: bool = False
    """Whether repositories of direct runs are open to everybody on this machine without a token, as Agola's
    client needs it; only for a server that listens on a loopback address."""
    registration: bool = False
    """Whether anybody may make themselves a user, with a password of their own."""
    login: LoginSettings = LoginSettings()


class ConfigstoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Users, projects and what belongs to them."""

    url: str = ""
    """Where other services reach the configstore, one address or several (`a,b`); "" when it runs in
    this process."""
    database: Secret = Secret("")
    """`postgresql://…`; "" is a SQLite file in the data directory."""
    secret_key: Secret = Secret("")
    """Keys that secrets are encrypted under (64 hexadecimal digits each), the current one first, older ones
    behind it; "" reads them from `secret_key_file`."""
    secret_key_file: str = ""
    """The file with those keys; "" is <data_dir>/secret-key, which the first start makes."""
    keep_audit: Annotated[float, Meta(ge=0)] = 0.0
    """Seconds after which entries of the audit log are removed; 0 keeps them for ever."""


class RunserviceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Runs, jobs, logs."""

    url: str = ""
    """Where other services reach the runservice, one address or several (`a,b`); "" when it runs in
    this process."""
    database: Secret = Secret("")
    """`postgresql://…`; "" is a SQLite file in the data directory."""
    objects: str = ""
    """Where logs, archives and artifacts are: `file:///path`, `s3://bucket/prefix`, `gs://…`, `az://…`; "" is
    a folder of the data directory. Several runservices need one that all of them reach."""
    executor_lease: Annotated[float, Meta(gt=0)] = 60.0
    """Seconds of silence after which an executor counts as gone."""
    executor_grace: Annotated[float, Meta(ge=0)] = 15.0
    """Seconds beyond the lease until its jobs are lost."""
    forget_executors_after: Annotated[float, Meta(gt=0)] = 604_800.0
    """Seconds of silence after which an executor that has no jobs and is not paused is forgotten; 7 days."""
    unclaimable: Literal["wait", "fail"] = "wait"
    """What becomes of a task that no executor which is online can take: it waits, or it fails."""
    unclaimable_after: Annotated[float, Meta(ge=0)] = 600.0
    """Seconds until it fails; executors that drain or pause count as able to take it."""
    artifacts_expire_after: Annotated[float, Meta(gt=0, le=315_360_000)] = 2_592_000.0
    """Seconds for which artifacts are kept whose step does not say it (`expire_after`); 30 days."""
    retention: RetentionSettings = RetentionSettings()


class GitserverSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Built-in git hosting."""

    url: str = ""
    """Where other services reach the gitserver; "" when it runs in this process."""
    database: Secret = Secret("")
    """`postgresql://…`; "" is a SQLite file in the data directory."""
    exposed_url: str = ""
    """How users and jobs reach git, without the `/git`; "" is the gateway's."""
    push_wait: Annotated[float, Meta(ge=0)] = 5.0
    """Seconds a pusher waits for the numbers of the runs."""
    direct_repositories: Annotated[int, Meta(ge=1)] = 100
    """Repositories of direct runs that a user may have."""
    direct_repository_size: Annotated[int, Meta(ge=1)] = 2_147_483_648
    """Bytes that one of them may have; 2 GiB."""
    repository_cleanup_interval: Annotated[float, Meta(ge=15)] = 86_400.0
    """Seconds between looks for what is old in them; a day."""
    repository_refs_expire_interval: Seconds = 2_592_000.0
    """Seconds after which their branches, tags and the commits of runs are removed; 30 days, 0 is never."""


class NotificationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Telling others what happens to runs."""

    url: str = ""
    """Where other services reach the notification service; "" when it runs in this process."""
    database: Secret = Secret("")
    """`postgresql://…`; "" is a SQLite file in the data directory."""
    webhook_url: Secret = Secret("")
    """Where every change of a project's run is posted to; "" posts none."""
    webhook_secret: Secret = Secret("")
    """What the requests are signed with; "" signs none."""
    webhook_allow: tuple[str, ...] = ()
    """Networks (`10.1.0.0/16`) that webhooks may go to although they are not public."""
    webhook_timeout: Annotated[float, Meta(gt=0, le=300)] = 10.0
    """Seconds within which a webhook must have answered."""
    webhook_attempts: Annotated[int, Meta(ge=1, le=100)] = 15
    """How often a delivery is tried until it is given up; with 15, for about five hours."""
    run_webhook_expire_interval: Seconds = 604_800.0
    """Seconds for which webhooks and their deliveries are kept, delivered or not; 7 days, 0 is for ever."""


class ResourceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an executor has for all of its jobs together. The host driver keeps no task within it."""

    cpu: Annotated[float, Meta(gt=0)] | None = None
    """Cores; none is not stated."""
    memory: Annotated[int, Meta(gt=0)] | None = None
    """Bytes; none is not stated."""


class ExecutorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Doing jobs on this machine."""

    name: str = ""
    """A name for people; "" is the host name."""
    driver: Literal["host", "null"] = "host"
    """What executes steps: `host`, processes of this machine; `null` executes nothing, to measure
    what is around it: steps succeed at once, or do what a few words say (pods/null/script.py)."""
    slots: Annotated[int, Meta(ge=1)] = 4
    """Jobs worked on at once."""
    labels: dict[str, str] = {}
    """What tasks may ask for by name and value (`runtime.labels`)."""
    allow_privileged: bool = False
    """Take tasks that want privileged containers."""
    resources: ResourceSettings = ResourceSettings()
    allow_unsandboxed: bool = False
    """Run host tasks although bubblewrap does not work and the installation is not loopback only."""
    log_limit: Annotated[int, Meta(gt=0)] = 268_435_456
    """Bytes that the log of a step holds at most; the step goes on, and what it prints beyond is left out."""


class CoordinatorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the processes of an installation agree on: who is there, who leads, bells between them."""

    url: str = ""
    """`etcd://host:port,…`, with TLS `https://host:port,…`; "" is a file in the data directory."""
    prefix: str = "tidemill"
    """What every key in etcd begins with; each installation needs its own."""
    ca: str = ""
    """The file of the authorities (PEM) that sign the members' certificates; "" trusts the public ones."""
    cert: str = ""
    """The file of this server's own certificate (PEM), where etcd wants one."""
    key: str = ""
    """The file of its private key (PEM)."""
    user: str = ""
    """etcd's user, where it has any."""
    password_file: str = ""
    """The file with the user's password; it is read again at each login."""


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the server itself logs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """debug, info, warning or error."""
    format: Literal["auto", "json", "text"] = "auto"
    """json, text, or auto: text on a terminal."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of it."""

    data_dir: Path = Path("tidemill-data")
    """Where everything durable lives that is not in a database server or an object store."""
    components: tuple[str, ...] = ("all",)
    """Services of this process; `all` is every one."""
    service_token: Secret = Secret("")
    """Shared by all services; they authenticate to each other with it."""
    web: WebSettings = WebSettings()
    gateway: GatewaySettings = GatewaySettings()
    configstore: ConfigstoreSettings = ConfigstoreSettings()
    runservice: RunserviceSettings = RunserviceSettings()
    gitserver: GitserverSettings = GitserverSettings()
    notification: NotificationSettings = NotificationSettings()
    executor: ExecutorSettings = ExecutorSettings()
    coordinator: CoordinatorSettings = CoordinatorSettings()
    log: LogSettings = LogSettings()
