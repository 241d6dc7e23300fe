//! The same content as INI and as TOML gives the same running system.

use std::{fs, path::Path};

use crate::common::{Config, Kind, Sandbox, Supervisord, wait_until};

const INI: &str = "
; comments, inline comments and continued lines are what people have
[supervisord]
nodaemon = true
logfile: {here}/supervisord.log
pidfile={here}/supervisord.pid   ; an inline comment
childlogdir={here}
loglevel=info
identifier=pair
environment=SHARED=\"one, two\",
    SECOND='2'

[unix_http_server]
file=%(here)s/supervisor.sock
chmod=0700
[inet_http_server]
port=127.0.0.1:{port}
[supervisorctl]
serverurl=unix://%(here)s/supervisor.sock
prompt=pair
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[rpcinterface:cache]
supervisor.rpcinterface_factory = supervisor_cache.rpcinterface:make_cache_rpcinterface
[ctlplugin:cache]
supervisor.ctl_factory = supervisor_cache.controllerplugin:make_cache_controllerplugin

[program:worker]
command=/bin/sh -c 'echo %(program_name)s %(process_num)d 100%%; env | grep -E \"^(SHARED|SECOND|OWN)=\" | sort; exec cat'
process_name=%(program_name)s_%(process_num)02d
numprocs=2
numprocs_start=5
directory=/usr
environment=OWN=\"a;b\"
priority=5
startsecs=0
exitcodes=0,2
stopsignal=INT
redirect_stderr=true
stdout_logfile=%(here)s/%(program_name)s-%(process_num)d.out
stdout_logfile_maxbytes=1MB

[program:idle]
command=/bin/cat
autostart=false
[group:several]
programs=worker,idle
priority=7
";

const TOML: &str = r#"
[supervisord]
nodaemon = true
logfile = "{here}/supervisord.log"
pidfile = "{here}/supervisord.pid"
childlogdir = "{here}"
loglevel = "info"
identifier = "pair"
environment = { SHARED = "one, two", SECOND = "2" }

[unix_http_server]
file = "%(here)s/supervisor.sock"
chmod = "0700"

[inet_http_server]
port = "127.0.0.1:{port}"

[supervisorctl]
serverurl = "unix://%(here)s/supervisor.sock"
prompt = "pair"

[rpcinterface.supervisor]
"supervisor.rpcinterface_factory" = "supervisor.rpcinterface:make_main_rpcinterface"

["rpcinterface:cache"]
"supervisor.rpcinterface_factory" = "supervisor_cache.rpcinterface:make_cache_rpcinterface"

["ctlplugin:cache"]
"supervisor.ctl_factory" = "supervisor_cache.controllerplugin:make_cache_controllerplugin"

[program.worker]
command = '''/bin/sh -c 'echo %(program_name)s %(process_num)d 100%%; env | grep -E "^(SHARED|SECOND|OWN)=" | sort; exec cat' '''
process_name = "%(program_name)s_%(process_num)02d"
numprocs = 2
numprocs_start = 5
directory = "/usr"
environment = { OWN = "a;b" }
priority = 5
startsecs = 0
exitcodes = [0, 2]
stopsignal = "INT"
redirect_stderr = true
stdout_logfile = "%(here)s/%(program_name)s-%(process_num)d.out"
stdout_logfile_maxbytes = "1MB"

["program:idle"]
command = "/bin/cat"
autostart = false

[group.several]
programs = ["worker", "idle"]
priority = 7
"#;

/// What clients, programs and readers of the log see of a running system, without what differs from run to run.
fn seen(supervisord: &Supervisord) -> Vec<String> {
    for process in ["several:worker_05", "several:worker_06"] {
        supervisord.wait_for_state(process, "RUNNING");
    }
    wait_until("the workers have written", || {
        ["worker-5.out", "worker-6.out"].iter().all(|file| supervisord.sandbox.read(file).lines().count() == 4)
    });
    let info = process_info(supervisord);
    let mut log = supervisord.story_of("interface");
    log.extend(["worker_05", "worker_06"].iter().flat_map(|process| supervisord.story_of(process)));
    let output = ["worker-5.out", "worker-6.out"].map(|file| supervisord.sandbox.read(file));
    [info].into_iter().chain(output).chain(log).collect()
}

/// What clients see of the programs and of supervisord, without what differs from run to run.
fn process_info(supervisord: &Supervisord) -> String {
    supervisord.python(
        "
import re
for info in s.supervisor.getAllProcessInfo():
    for changing in ['pid', 'start', 'stop', 'now', 'description']: del info[changing]
    # The names of AUTO logs have a random part.
    print(re.sub(r'(---[a-z]+)-[^.]*[.]log', r'\\1-RANDOM.log', str(info).replace(HERE, '{here}')))
print(s.supervisor.getIdentification(), s.cache.getAPIVersion())
",
    )
}

#[test]
fn ini_and_toml_give_the_same_running_system() {
    let ini = seen(&Supervisord::start(&Config::text("supervisord.conf", INI)));
    let toml = seen(&Supervisord::start(&Config::text("supervisord.toml", TOML)));
    assert_eq!(toml, ini);
}

#[test]
fn supervisor_sees_the_same_in_the_ini() {
    let real = seen(&Supervisord::start_real(&Config::text("supervisord.conf", INI)));
    let mut ours = seen(&Supervisord::start(&Config::text("supervisord.conf", INI)));
    // Supervisor makes each interface once for each of its servers.
    let interfaces = |seen: &[String]| seen.iter().filter(|line| line.contains("RPC interface")).count();
    assert_eq!((interfaces(&real), interfaces(&ours)), (4, 2));
    let mut real = real;
    for seen in [&mut real, &mut ours] {
        seen.retain(|line| !line.contains("RPC interface"));
    }
    assert_eq!(ours, real);
}

#[test]
fn supervisorctl_reads_both() {
    for (file, text) in [("supervisord.conf", INI), ("supervisord.toml", TOML)] {
        let supervisord = Supervisord::start(&Config::text(file, text));
        assert_eq!(supervisord.ctl(&["cache_store", "foo", "bar baz"]).text(), "");
        assert_eq!(supervisord.ctl(&["cache_fetch", "foo"]).text(), "'bar baz'\n");
        assert!(supervisord.ctl_with_input(Kind::Ours, &[], "quit\n").stdout.contains("pair> "), "{file}");
    }
}

/// `conf/` holds a pair that people start from. Only the port is another one here.
#[test]
fn the_samples_give_the_same_running_system_too() {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf");
    let run = |kind, name: &str| {
        let text = fs::read_to_string(conf.join(name)).expect("a sample");
        let text = text.replace("127.0.0.1:9001", "127.0.0.1:{port}");
        let supervisord = Supervisord::start_in(Sandbox::new(), kind, &Config::text(name, &text));
        for process in ["cat", "ticker"] {
            supervisord.wait_for_state(process, "RUNNING");
        }
        wait_until("ticker has written", || !supervisord.sandbox.read("ticker.log").is_empty());
        assert_eq!(supervisord.ctl(&["cache_store", "foo", "bar baz"]).text(), "");
        assert_eq!(supervisord.ctl(&["cache_fetch", "foo"]).text(), "'bar baz'\n");
        process_info(&supervisord)
    };
    let real = run(Kind::Real, "supervisord.conf");
    let ini = run(Kind::Ours, "supervisord.conf");
    let toml = run(Kind::Ours, "supervisord.toml");
    assert_eq!(toml, ini);
    assert_eq!(ini, real);
}
