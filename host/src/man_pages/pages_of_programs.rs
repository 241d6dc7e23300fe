//! supervisord(8) and supervisorctl(1), from the texts of `-h` and from the table of commands.

use super::roff::Page;
use crate::{config, ctl, server_options};

/// Make supervisord(8).
pub(super) fn supervisord() -> String {
    let mut page = Page::new("supervisord", 8, "start programs and keep them running");
    page.heading("SYNOPSIS");
    page.paragraph("`supervisord` [options]");
    page.heading("DESCRIPTION");
    page.paragraph(
        "`supervisord` starts the programs that its config names, starts them again when they end, writes what they \
         print to logs, and lets `supervisorctl`(1), browsers and clients of its XML-RPC interface look and steer. It \
         reads the config of Supervisor 4.3.0, or the same content as TOML where the name of the file ends in .toml.",
    );
    page.paragraph(
        "Without `-c` the config is the first of these that is there. The first two are relative to the program's \
         directory, the next two to the working directory:",
    );
    page.example(
        "../etc/supervisord.conf\n../supervisord.conf\n./supervisord.conf\n./etc/supervisord.conf\n\
         /etc/supervisord.conf\n/etc/supervisor/supervisord.conf",
    );
    options_of(&mut page, server_options::HELP);
    page.heading("SIGNALS");
    page.item("SIGTERM, SIGINT, SIGQUIT", "Stop all programs, and exit.");
    page.item("SIGHUP", "Stop all programs, read the config, and start anew. `supervisorctl upgrade` stops none.");
    page.item("SIGUSR2", "Close and open the logs again, for those who rotate them from outside.");
    page.heading("ENVIRONMENT");
    page.item("SUPERVISOR_PLUGIN_PATH", "Directories, between colons, in which plugins are looked for.");
    page.item("NOTIFY_SOCKET, WATCHDOG_USEC", "Where a service manager such as systemd is told how supervisord is.");
    page.heading("EXIT STATUS");
    page.item("0", "All has stopped as it was asked to.");
    page.item("2", "The command line or the config is wrong, or supervisord cannot start.");
    page.item("other", "The status of a program with `exit_when`, or of one of all with `exit_when_all`.");
    page.heading("PROGRAMS BESIDE IT");
    page.item("echo_supervisord_conf", "Print a config with every option and its default.");
    page.item(
        "pidproxy PIDFILE COMMAND...",
        "Run a command that starts a daemon, stay as long as that command does, and hand on signals to the process that \
         the daemon's PIDFILE names.",
    );
    see_also(&mut page, &["supervisorctl(1)", "supervisord.conf(5)", "supervisor-plugin(7)"]);
    page.finish()
}

/// Make supervisorctl(1).
pub(super) fn supervisorctl() -> String {
    let mut page = Page::new("supervisorctl", 1, "control the programs of a supervisord");
    page.heading("SYNOPSIS");
    page.paragraph("`supervisorctl` [options] [action [arguments]]");
    page.heading("DESCRIPTION");
    page.paragraph(
        "`supervisorctl` runs one action at a running `supervisord`(8), and its exit status says how that went. \
         Without an action it is a shell with history and completion.",
    );
    options_of(&mut page, ctl::cli::HELP);
    page.heading("ACTIONS");
    page.paragraph("Plugins may add more; `supervisorctl help` lists them all. Names may be patterns, such as web_*.");
    page.item("help", "List the actions.");
    page.item("help <action>", "Print the help of an action.");
    let commands = ctl::reference();
    for command in commands.iter().filter(|command| !command.is_ours) {
        help_of(&mut page, &command.help);
    }
    page.heading("ACTIONS THAT SUPERVISOR DOES NOT HAVE");
    for command in commands.iter().filter(|command| command.is_ours) {
        help_of(&mut page, &command.help);
    }
    page.heading("EXIT STATUS");
    for (status, text) in ctl::EXIT_STATUSES {
        page.item(&status.to_string(), text);
    }
    page.heading("FILES");
    let section = config::reference().into_iter().find(|section| section.header == "[supervisorctl]");
    let names: Vec<&str> = section.iter().flat_map(|section| &section.options).map(|option| option.name).collect();
    page.paragraph(&format!("[supervisorctl] in the config of supervisord has {}.", names.join(", ")));
    see_also(&mut page, &["supervisord(8)", "supervisord.conf(5)", "supervisor-plugin(7)"]);
    page.finish()
}

/// Write the options of a command line, and what its help says behind them.
fn options_of(page: &mut Page, help: &str) {
    page.heading("OPTIONS");
    let (_, help) = help.split_once("Options:\n").expect("the help has options");
    let (options, rest) = help.split_once("\n\n").expect("an empty line ends them");
    let mut items: Vec<(&str, String)> = Vec::new();
    for line in options.lines() {
        match (line.split_once(" -- "), items.last_mut()) {
            (Some((option, text)), _) => items.push((option, text.to_owned())),
            (None, Some((_, text))) => *text = format!("{text} {}", line.trim()),
            (None, None) => panic!("an option has its text behind --: {line}"),
        }
    }
    for (option, text) in items {
        page.item(&option.replace('/', ", "), &text);
    }
    for paragraph in rest.trim().split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        page.paragraph(&paragraph.replace('\n', " "));
    }
}

/// Write the help of a command: lines with a usage and, behind tabs, what it does.
fn help_of(page: &mut Page, help: &str) {
    for line in help.lines() {
        match line.split_once('\t') {
            Some((usage, text)) if !usage.trim().is_empty() => page.item(usage.trim_end(), text.trim()),
            Some((_, text)) => page.more(text.trim()),
            None => page.paragraph(line),
        }
    }
}

/// Write where there is more to read.
fn see_also(page: &mut Page, pages: &[&str]) {
    page.heading("SEE ALSO");
    page.paragraph(&pages.join(", "));
}
