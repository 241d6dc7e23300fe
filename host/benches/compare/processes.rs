//! Whole processes: how soon supervisord answers, how soon supervisorctl is done.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Stdio,
    time::{Duration, Instant},
};

use super::{
    common::{Config, Kind, Sandbox, Supervisord, free_port, http, supervisord_command},
    load,
    table::{Limit, Row, median},
};

/// Milliseconds from the exec of supervisord to the first answer of its cache plugin.
pub fn exec_to_answer() -> Row {
    eprintln!("exec to the first answer …");
    let config = Config::new();
    let times = |kind, count| -> Vec<f64> { (0..count).map(|_| start_once(kind, &config)).collect() };
    // The first of each finds nothing of it in the page cache.
    let (ours, real) = (&times(Kind::Ours, 21)[1..], &times(Kind::Real, 6)[1..]);
    let time = median(ours);
    Row::new("exec to an answer of the cache plugin, ms").figures(time, median(real)).own(
        "ms",
        time,
        Limit::Below(10.0),
    )
}

/// Milliseconds from exec to the first answer, of one start.
pub fn start_once(kind: Kind, config: &Config) -> f64 {
    let sandbox = Sandbox::new();
    let port = free_port();
    let file = sandbox.write(config.file(), config.render(sandbox.here(), port));
    let mut command = supervisord_command(&sandbox, kind, &file);
    let request = load::request(&http::call("cache.getAPIVersion", &[]));
    let start = Instant::now();
    let mut child = command.spawn().expect("supervisord can be run");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(_) if start.elapsed() < super::common::PATIENCE => std::thread::sleep(Duration::from_micros(50)),
            Err(error) => panic!("{kind:?} supervisord does not accept: {error}"),
        }
    };
    stream.write_all(&request).expect("supervisord reads");
    let mut answer = Vec::new();
    while !answer.ends_with(b"</methodResponse>") && !answer.ends_with(b"</methodResponse>\n") {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).expect("supervisord answers");
        assert!(count > 0, "{kind:?} supervisord closed the connection");
        answer.extend_from_slice(&buffer[..count]);
    }
    let time = start.elapsed().as_secs_f64() * 1000.0;
    let _ = child.kill();
    let _ = child.wait();
    time
}

/// Milliseconds of `supervisorctl version`, from exec to exit.
pub fn supervisorctl_version(ours: &Supervisord, real: &Supervisord) -> Row {
    eprintln!("supervisorctl version …");
    let time = |supervisord: &Supervisord, kind, count| {
        let mut command = supervisord.ctl_command(kind, &["version"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        load::milliseconds(count, || {
            assert!(command.status().expect("supervisorctl can be run").success());
        })
    };
    let round = || (time(ours, Kind::Ours, 10), time(real, Kind::Real, 2));
    Row::times("supervisorctl version, whole process, ms", round, Limit::AtLeast(15.0))
}
