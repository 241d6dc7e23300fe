//! `pidproxy`: runs a command that makes a daemon, and hands on signals to the pid in the daemon's pidfile.

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use supervisor_host::{daemon::coerce_c_locale, pidproxy, text::stderr_line::stderr_line};

fn main() -> ExitCode {
    coerce_c_locale();
    let mut args = env::args_os();
    let program = args.next().unwrap_or_else(|| "pidproxy".into());
    let (Some(pidfile), Some(command)) = (args.next(), args.next()) else {
        let _ = writeln!(io::stdout(), "{}", pidproxy::usage(&program.to_string_lossy()));
        return ExitCode::FAILURE;
    };
    match pidproxy::run(pidfile.as_ref(), &command, args) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            stderr_line(format_args!("pidproxy: {}: {error}", command.display()));
            // As a shell has it.
            ExitCode::from(127)
        }
    }
}
