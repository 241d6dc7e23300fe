//! `echo_supervisord_conf`: prints a configuration to start from.

use std::{
    io::{ErrorKind, Write as _},
    process::ExitCode,
};

use supervisor_host::{config, text::stderr_line::stderr_line};

fn main() -> ExitCode {
    match std::io::stdout().write_all(config::sample().as_bytes()) {
        // A reader that has gone has read enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            stderr_line(format_args!("echo_supervisord_conf: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
