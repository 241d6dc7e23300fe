//! Programs and plugins where an installation puts them: below `cargo install`'s root, and in a container.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getuid},
};

use crate::common::{Sandbox, free_port, http, plugin_path, wait_until};

/// Programs that belong to the crate, and so are what cargo installs.
const PROGRAMS: [(&str, &str); 4] = [
    ("supervisord", env!("CARGO_BIN_EXE_supervisord")),
    ("supervisorctl", env!("CARGO_BIN_EXE_supervisorctl")),
    ("echo_supervisord_conf", env!("CARGO_BIN_EXE_echo_supervisord_conf")),
    ("pidproxy", env!("CARGO_BIN_EXE_pidproxy")),
];

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("host is a folder of the workspace")
}

fn text(file: &str) -> String {
    fs::read_to_string(workspace().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Lay programs into `bin` and the cache into `lib/supervisor` below a root of the sandbox. Return the root.
fn install(sandbox: &Sandbox, programs: &[&str]) -> PathBuf {
    let root = sandbox.join("root");
    let put = |from: &Path, to: PathBuf| {
        fs::create_dir_all(to.parent().expect("it lies below the root")).expect("a folder");
        fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    };
    for (name, built) in PROGRAMS.iter().filter(|(name, _)| programs.contains(name)) {
        put(Path::new(built), root.join("bin").join(name));
    }
    let folders = plugin_path();
    let mut built = std::env::split_paths(&folders).map(|folder| folder.join("libsupervisor_cache.so"));
    let built = built.find(|file| file.exists()).expect("the cache is built with the tests");
    put(&built, root.join("lib/supervisor/libsupervisor_cache.so"));
    // As umask 022 leaves them: a library that others may write is refused.
    let readable = fs::Permissions::from_mode(0o755);
    for folder in
        [sandbox.path().to_owned(), root.clone(), root.join("bin"), root.join("lib"), root.join("lib/supervisor")]
    {
        fs::set_permissions(folder, readable.clone()).expect("it was just made");
    }
    fs::set_permissions(root.join("lib/supervisor/libsupervisor_cache.so"), readable).expect("it was just copied");
    root
}

/// Make a program of the root a command that finds nothing but what lies there and in the system.
fn installed(sandbox: &Sandbox, root: &Path, program: &str) -> Command {
    let mut command = sandbox.command(root.join("bin").join(program));
    command.env_remove("SUPERVISOR_PLUGIN_PATH").env("PATH", format!("{}:/usr/bin:/bin", root.join("bin").display()));
    command
}

#[test]
fn what_cargo_installs_is_a_working_set() {
    let manifest = text("host/Cargo.toml");
    let programs: Vec<_> = manifest.split("[[bin]]\nname = \"").skip(1).filter_map(|it| it.split('"').next()).collect();
    assert_eq!(programs, PROGRAMS.map(|(name, _)| name), "the programs of the crate");
    let sandbox = Sandbox::new();
    let root = install(&sandbox, &programs);
    let sample = installed(&sandbox, &root, "echo_supervisord_conf").output().expect("it can be run").stdout;
    let checks = |file: &Path| {
        let checked =
            installed(&sandbox, &root, "supervisord").arg("-c").arg(file).args(["--check-config", "text"]).output();
        let checked = checked.expect("it can be run");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    };
    checks(&sandbox.write("sample.conf", sample));
    let here = sandbox.here();
    let config = sandbox.write(
        "supervisord.conf",
        format!(
            "[supervisord]\nlogfile={here}/supervisord.log\npidfile={here}/supervisord.pid\n\
             [unix_http_server]\nfile={here}/supervisor.sock\n[supervisorctl]\nserverurl=unix://{here}/supervisor.sock\n\
             [rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
             [rpcinterface:cache]\n\
             supervisor.rpcinterface_factory=supervisor_cache.rpcinterface:make_cache_rpcinterface\n\
             [ctlplugin:cache]\n\
             supervisor.ctl_factory=supervisor_cache.controllerplugin:make_cache_controllerplugin\n\
             [program:cat]\ncommand=pidproxy {here}/none.pid /bin/cat\n"
        ),
    );
    checks(&config);
    let begun = installed(&sandbox, &root, "supervisord").arg("-c").arg(&config).status().expect("it can be run");
    assert!(begun.success(), "it becomes a daemon");
    let ctl = |words: &[&str]| {
        let output = installed(&sandbox, &root, "supervisorctl").arg("-c").arg(&config).args(words).output();
        String::from_utf8_lossy(&output.expect("it can be run").stdout).into_owned()
    };
    wait_until("the program runs", || ctl(&["status"]).contains("RUNNING"));
    ctl(&["cache_store", "foo", "bar baz"]);
    assert_eq!(ctl(&["cache_fetch", "foo"]), "'bar baz'\n");
    assert_eq!(ctl(&["shutdown"]), "Shut down\n");
}

/// Instructions of a Dockerfile, a line each.
fn instructions(dockerfile: &str) -> Vec<String> {
    let joined = dockerfile.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
    joined.replace("\\\n", " ").lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Words of a command in its exec form, a list of JSON.
fn exec_form(instruction: &str) -> Vec<String> {
    let list = instruction.find('[').map(|at| &instruction[at..]).expect("a list of words");
    serde_json::from_str(list).expect("JSON")
}

#[test]
fn the_container_is_made_of_what_is_there() {
    let instructions = instructions(&text("examples/docker/Dockerfile"));
    let left_out = text("examples/docker/Dockerfile.dockerignore");
    let manifest = text("Cargo.toml");
    let rust =
        manifest.split("rust-version = \"").nth(1).and_then(|it| it.split('"').next()).expect("a version of Rust");
    assert!(instructions[0].starts_with(&format!("FROM rust:{rust}-slim-")), "{}", instructions[0]);
    let build = instructions.iter().find(|line| line.contains("cargo build")).expect("a build");
    let (mut of_the_build, mut of_the_tree) = (0, 0);
    for line in instructions.iter().filter_map(|line| line.strip_prefix("COPY ")) {
        let words: Vec<_> = line.split_whitespace().collect();
        let (_, files) = words.split_last().expect("a place to copy to");
        for file in files.iter().filter(|file| !file.starts_with("--")) {
            if let Some(file) = file.strip_prefix("/src/target/release/") {
                let is_program = PROGRAMS.iter().any(|(name, _)| *name == file) && build.contains("-p supervisor-host");
                let is_cache = file == "libsupervisor_cache.so" && build.contains("-p supervisor-cache");
                assert!(is_program || is_cache, "the build makes {file}");
                of_the_build += 1;
            } else {
                assert!(workspace().join(file).exists(), "{file} is in the tree");
                let is_left_out = |name: &str| Path::new(file).starts_with(name.trim_end_matches('/'));
                assert!(!left_out.lines().any(is_left_out), "{file} is not left out");
                of_the_tree += 1;
            }
        }
    }
    assert_eq!((of_the_build, of_the_tree), (3, 3), "{instructions:#?}");
    // All that the build needs is sent along.
    let is_needed = |line: &str| ["host", "cache-plugin", "plugin-api", "examples", "Cargo.lock"].contains(&line);
    assert!(!left_out.lines().any(is_needed), "{left_out}");
    assert!(build.contains("--locked") && workspace().join("Cargo.lock").exists());
}

#[test]
fn its_programs_run_as_they_would_there() {
    let sandbox = Sandbox::new();
    let instructions = instructions(&text("examples/docker/Dockerfile"));
    let line = |word: &str| instructions.iter().rfind(|line| line.starts_with(word)).expect("it is there").as_str();
    // As the second stage lays them: below one prefix.
    let root = install(&sandbox, &["supervisord", "supervisorctl"]);
    let app = sandbox.join("app");
    fs::create_dir(&app).expect("a folder");
    fs::copy(workspace().join("examples/docker/index.html"), app.join("index.html")).expect("a copy");
    let (web, health) = (free_port().to_string(), free_port().to_string());
    let temporary = sandbox.join("tmp");
    fs::create_dir(&temporary).expect("a folder");
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o777)).expect("it was just made");
    // Its places and ports, here; all else stays.
    let moved = |text: &str| {
        let (app, temporary) = (app.display().to_string(), temporary.display().to_string());
        let text = text.replace("/tmp/", &format!("{temporary}/")).replace("/srv/app", &app);
        text.replace("8080", &web).replace("9001", &health)
    };
    let config = sandbox.write("supervisord.conf", moved(&text("examples/docker/supervisord.conf")));
    let words = exec_form(line("CMD ["));
    assert_eq!(words[0], "supervisord");
    let arguments =
        words[1..].iter().map(|word| if word == "/etc/supervisord.conf" { config.to_str().unwrap() } else { word });
    let mut command = installed(&sandbox, &root, "supervisord");
    command.args(arguments).current_dir(&app).stdin(Stdio::null());
    let output = fs::File::create(sandbox.join("output")).expect("a file");
    command.stderr(output.try_clone().expect("a second descriptor")).stdout(output);
    if getuid().is_root() {
        // Nobody of the system's: as in the container, one without a home and without rights.
        command.uid(10_001).gid(10_001);
    }
    let mut supervisord = command.spawn().expect("it can be run");
    let check = exec_form(&moved(line("HEALTHCHECK")));
    let is_healthy = || {
        let mut check_command = sandbox.command(&check[0]);
        check_command.args(&check[1..]).stderr(Stdio::null()).status().expect("bash can be run").success()
    };
    wait_until("its health check succeeds", is_healthy);
    let ctl = |words: &[&str]| {
        let output = installed(&sandbox, &root, "supervisorctl").arg("-c").arg(&config).args(words).output();
        String::from_utf8_lossy(&output.expect("it can be run").stdout).into_owned()
    };
    let status = ctl(&["status"]);
    assert_eq!(status.matches("RUNNING").count(), 2, "{status}");
    // Without the web server it is not healthy; what a client stops ends nothing.
    ctl(&["stop", "web"]);
    assert!(!is_healthy());
    ctl(&["start", "web"]);
    wait_until("its health check succeeds again", is_healthy);
    let mut browser = http::Connection::open(web.parse().expect("a port"));
    browser.send("GET / HTTP/1.0\r\n\r\n");
    let page = browser.receive().expect("an answer").text();
    assert!(page.contains("<title>Supervised</title>"), "{page}");
    wait_until("the web server has logged that on the container's output", || {
        sandbox.read("output").contains("\"GET / ")
    });
    assert_eq!(line("STOPSIGNAL"), "STOPSIGNAL SIGTERM");
    kill(Pid::from_raw(supervisord.id().cast_signed()), Signal::SIGTERM).expect("it runs");
    assert!(supervisord.wait().expect("a child of ours").success());
}
