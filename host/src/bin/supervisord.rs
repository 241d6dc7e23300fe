//! `supervisord`: starts programs and keeps them running.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use supervisor_host::{
    check_config,
    config::{Config, Logfile, Overrides, Supervisord},
    daemon::{self, ForkedDaemon, Pidfile, Restart},
    logger::Logger,
    process::{
        output::{self, OutputHandle},
        signals,
    },
    rpc::{self, Lifecycle, UpgradeStatus},
    server::{EventSource, Limits, Listeners, log_files},
    server_options::{self, Format, HELP, Invocation},
    service_manager::ServiceManager,
    supervisor::{MainLoop, Outcome, Supervisor},
    text::stderr_line::stderr_line,
    upgrade::{self, InPlace, InPlaceParts, Successor},
    version,
};

/// Time that the end may wait for what was logged to reach the disk.
const LOG_FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Time that plugins which want to hear of the end may hold it up, all of them together.
const PLUGIN_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Time that the end may wait for plugins to put down what they hold. The programs have stopped by then.
const PLUGIN_DROP_TIMEOUT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    daemon::coerce_c_locale();
    let args: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let program = args.first().map_or("supervisord", String::as_str);
    let result = match Invocation::parse(args.get(1..).unwrap_or_default()) {
        Ok(Invocation::Help) => {
            print(&HELP.replace("PROG", program));
            Ok(())
        }
        Ok(Invocation::Version) => {
            print(&format!("{}\n", version::SUPERVISOR));
            Ok(())
        }
        Ok(Invocation::Check { configuration, overrides, format }) => return check(configuration, &overrides, format),
        Ok(Invocation::CheckSuccessor { configuration, overrides }) => {
            upgrade::check_successor(configuration, &overrides);
            Ok(())
        }
        Ok(Invocation::Run { configuration, overrides }) => begin(configuration, *overrides),
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            stderr_line(format_args!("Error: {error}\nFor help, use {program} -h"));
            ExitCode::from(2)
        }
    }
}

fn check(configuration: Option<PathBuf>, overrides: &Overrides, format: Format) -> ExitCode {
    let report = check_config::check(configuration, overrides, format);
    print(&report.stdout);
    if !report.stderr.is_empty() {
        stderr_line(report.stderr);
    }
    if report.is_good { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

fn print(text: &str) {
    // A reader that has gone has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Begin, or go on where another supervisord in this process has stopped.
fn begin(configuration: Option<PathBuf>, overrides: Overrides) -> Result<(), String> {
    let mut successor = Successor::of_this_process()?;
    let old_config = successor.as_mut().and_then(Successor::old_config);
    let config = old_config.map_or_else(|| server_options::load(configuration, &overrides), Ok);
    let result = config.and_then(|config| run(config, overrides, &mut successor));
    if let (Err(error), Some(successor)) = (&result, &successor) {
        successor.give_up(error);
    }
    result
}

/// Run supervisord. The error is the reason why it could not start.
fn run(config: Config, overrides: Overrides, successor: &mut Option<Successor>) -> Result<(), String> {
    daemon::keep_inherited_files();
    let restart = Restart::of_this_process().map_err(in_words)?;
    let restart = Arc::new(match successor {
        Some(successor) => restart.at(successor.state.executable.clone()),
        None => restart,
    });
    let supervisord = config.supervisord.clone();
    let becomes_daemon = !supervisord.nodaemon && !restart.restarted();
    let forked = becomes_daemon.then(daemon::fork).transpose().map_err(in_words)?;

    // Of all threads only this one hears signals, once it supervises.
    signals::hold();

    // Limits first, since root may raise them further; Supervisor's log has them last.
    let limits = if restart.restarted() { Vec::new() } else { daemon::raise_limits(&supervisord)? };
    let mut messages = config.messages.clone();
    messages.extend(daemon::become_user(supervisord.user.as_ref())?);
    messages.extend(limits);
    messages.sort_by_key(|message| std::cmp::Reverse(message.level));

    let (output, logger) = output::start(&supervisord)
        .map_err(|error| format!("could not open the log file {}: {error}", log_name(&supervisord)))?;
    for message in &messages {
        logger.log(message.level, &message.text);
    }
    if let Some(successor) = successor {
        successor.tell_of_failure(&logger);
    }
    let outcome = supervise(config, overrides, &restart, forked, (&output, &logger), successor);
    if let (Err(error), Some(successor)) = (&outcome, &successor) {
        successor.give_up(error);
    }
    let error = match outcome {
        Ok(Outcome::Exit(status)) => {
            output.stop(LOG_FLUSH_TIMEOUT);
            // At once: what a plugin has left running is not waited for.
            std::process::exit(status)
        }
        Ok(Outcome::Restart) => {
            // The log stays open for what may still have to be said.
            let _ = output.flush(LOG_FLUSH_TIMEOUT);
            format!("could not start anew: {}", restart.execute())
        }
        Err(error) => error,
    };
    // Nobody may be looking at the terminal, and a daemon that started anew has none.
    logger.critical(&error);
    output.stop(LOG_FLUSH_TIMEOUT);
    Err(error)
}

/// Make the supervisor and let it run; one that does not begin leaves nothing behind.
fn supervise(
    config: Config,
    overrides: Overrides,
    restart: &Arc<Restart>,
    forked: Option<ForkedDaemon>,
    (output, logger): (&OutputHandle, &Logger),
    successor: &mut Option<Successor>,
) -> Result<Outcome, String> {
    let (logger_of, output) = (logger.clone(), output.clone());
    let (supervisor, main_loop) = match successor {
        Some(successor) => {
            let snapshot = std::mem::take(&mut successor.state.supervisor);
            Supervisor::adopt(config, overrides, logger_of, output, snapshot)
        }
        None => Supervisor::new(config, overrides, logger_of, output),
    }
    .map_err(in_words)?;
    with_plugins(&supervisor, main_loop, restart, forked, logger, successor)
}

/// Make the plugins, let them serve while programs are supervised, and wait for their end.
fn with_plugins(
    supervisor: &Supervisor,
    main_loop: MainLoop,
    restart: &Arc<Restart>,
    forked: Option<ForkedDaemon>,
    logger: &Logger,
    successor: &mut Option<Successor>,
) -> Result<Outcome, String> {
    let config = supervisor.config();
    let handed_over = successor.as_mut().map(|successor| std::mem::take(&mut successor.plugins)).unwrap_or_default();
    let build = || rpc::build(&config, supervisor, logger, handed_over);
    // Signals that were kept over a restart are all received later; at the first start nobody has sent any yet.
    let plugins = if restart.restarted() { build() } else { daemon::run_interruptible(build).map_err(in_words)? };
    let plugins = plugins.map_err(in_words)?;
    let waiter = plugins.shutdown_waiter();
    let outcome = serve(supervisor, main_loop, plugins, (restart, forked), logger, successor);
    if outcome == Ok(Outcome::Restart)
        && let Err(errors) = supervisor.check_restart()
    {
        // It has broken since; the one that follows has no log yet to say so.
        for error in errors {
            logger.critical(error);
        }
    }
    waiter.wait(PLUGIN_DROP_TIMEOUT, logger);
    outcome
}

/// Open the servers, become a daemon where it is to be one, and supervise until the end.
fn serve(
    supervisor: &Supervisor,
    mut main_loop: MainLoop,
    plugins: Lifecycle,
    (restart, forked): (&Arc<Restart>, Option<ForkedDaemon>),
    logger: &Logger,
    successor: &mut Option<Successor>,
) -> Result<Outcome, String> {
    let config = supervisor.config();
    let supervisord = &config.supervisord;
    // Not before the plugins are made: a signal that ends that would leave a socket behind, and clients that connected.
    let sockets = successor.as_ref().map_or(&[][..], |successor| &successor.state.servers);
    let listeners = Listeners::bind_beside(&config.servers, sockets).map_err(in_words)?;
    // Not before that: another supervisord would lose the logs of its programs.
    supervisor.clean_auto_logs();
    for server in config.servers.iter().filter(|server| server.credentials.is_none()) {
        let section = &server.section;
        logger.critical(format_args!("Server '{section}' running without any HTTP authentication checking"));
    }
    match &forked {
        Some(forked) => forked.detach(supervisord, logger).map_err(in_words)?,
        None if supervisord.nodaemon => {}
        None => daemon::change_directory(supervisord, logger),
    }
    let plugins = Arc::new(plugins);
    // Before the way back is closed: nothing may fail after that.
    let limits = Limits::of_this_process(config.servers.len());
    let events = EventSource { bus: supervisor.bus().clone(), plugin_types: supervisor.plugin_event_types().to_vec() };
    let servers = listeners
        .prepare(
            plugins.registry().clone(),
            log_files(supervisor),
            Some(supervisor.clone()),
            events,
            logger.clone(),
            limits,
        )
        .map_err(in_words)?;
    let mut status = UpgradeStatus { version: version::OWN.to_owned(), ..UpgradeStatus::default() };
    let pidfile = match successor {
        Some(successor) => {
            // Whoever went before is not needed any more.
            successor.begin();
            main_loop.take_over();
            status = successor.status(logger);
            Pidfile::go_on(&supervisord.pidfile, &successor.state.pidfile, logger)
        }
        None => write_pidfile(&supervisord.pidfile, supervisor, logger),
    };
    let service_manager = ServiceManager::of_environment(supervisor);
    plugins.set_upgrader(Box::new(InPlace::new(InPlaceParts {
        supervisor: supervisor.clone(),
        restart: Arc::clone(restart),
        plugins: Arc::downgrade(&plugins),
        servers: servers.handle(),
        service_manager: service_manager.clone(),
        pidfile: supervisord.pidfile.clone(),
        status,
    })));
    let servers = servers.serve();
    service_manager.ready();
    if let Some(forked) = forked {
        forked.announce_ready();
    }

    signals::listen();
    let outcome = main_loop.run();
    // What has happened is on its way to the plugins there.
    let _ = supervisor.output().flush(LOG_FLUSH_TIMEOUT);
    service_manager.finish();
    plugins.stop_plugins(PLUGIN_SHUTDOWN_TIMEOUT);
    servers.stop();
    // Plugins end when nobody holds them any more.
    drop(plugins);
    drop(pidfile);
    Ok(outcome)
}

/// Write the pidfile, and tell of a supervisord that had no time to take its own away.
fn write_pidfile(path: &Path, supervisor: &Supervisor, logger: &Logger) -> Pidfile {
    let left_behind = Pidfile::left_behind(path);
    let pidfile = Pidfile::write(path, logger);
    if let Some(pid) = left_behind {
        logger.warn(format_args!("the supervisord with pid {pid} that was here before has not ended by itself"));
        supervisor.tell_of_orphans();
    }
    pidfile
}

fn log_name(supervisord: &Supervisord) -> String {
    match &supervisord.logfile {
        Logfile::Path(path) => path.display().to_string(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn in_words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
