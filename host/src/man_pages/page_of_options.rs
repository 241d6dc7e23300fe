//! supervisord.conf(5), from the table of options.

use super::roff::Page;
use crate::config::{self, OptionReference};

/// Make supervisord.conf(5).
pub(super) fn supervisord_conf() -> String {
    let mut page = Page::new("supervisord.conf", 5, "configuration of supervisord and supervisorctl");
    page.heading("DESCRIPTION");
    page.paragraph(
        "A file of sections, [name], with lines of key = value. Where its name ends in .toml it is TOML with the same \
         sections, [program.web] for [program:web], and keys. `supervisord --check-config text` says what is wrong in \
         one, and what each option is. `echo_supervisord_conf` prints one to start from.",
    );
    page.item("Comments", "begin with ; or #, at the start of a line or after a blank.");
    page.item("Longer values", "go on in the following lines where these are indented.");
    page.item(
        "Expansions",
        "are %(here)s, the directory of the file, %(host_node_name)s, the name of the machine, and %(ENV_X)s, the \
         variable X of the environment of supervisord; in a program also %(program_name)s, %(group_name)s, \
         %(process_num)d and %(numprocs)d. A percent sign is written %%.",
    );
    page.item("Sizes", "may end in KB, MB or GB.");
    page.paragraph("An option with an asterisk (*) is one that Supervisor 4.3.0 does not have.");
    for section in config::reference() {
        page.heading(&section.header);
        if section.is_a_program {
            page.paragraph("All options of [program:x], and these:");
        }
        for option in &section.options {
            let mark = if option.is_ours { " *" } else { "" };
            page.item(&format!("{}{mark}", option.name), option.comment);
            for line in values_of(option) {
                page.more(&line);
            }
        }
    }
    page.heading("PLUGINS");
    page.item("[rpcinterface:x]", "adds a namespace of methods: `supervisor.rpcinterface_factory` names its factory.");
    page.item("[ctlplugin:x]", "adds actions to supervisorctl: `supervisor.ctl_factory` names its factory.");
    page.paragraph("All other keys of these sections are the plugin's. See `supervisor-plugin`(7).");
    page.heading("EXAMPLE");
    page.example(
        "[unix_http_server]\nfile = /run/supervisor.sock\n\n[supervisord]\nlogfile = /var/log/supervisord.log\n\n\
         [rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\n\
         [supervisorctl]\nserverurl = unix:///run/supervisor.sock\n\n\
         [program:web]\ncommand = /srv/web/bin/serve\nuser = www-data\nautorestart = true",
    );
    page.heading("SEE ALSO");
    page.paragraph("supervisord(8), supervisorctl(1), supervisor-plugin(7)");
    page.finish()
}

/// List which values an option takes, and its default.
fn values_of(option: &OptionReference) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(expected) = option.expected {
        lines.push(format!("Value: {expected}."));
    }
    match (option.default, option.example) {
        (Some("") | None, Some(example)) => lines.push(format!("Example: {example}")),
        (Some(default), _) if !default.is_empty() => lines.push(format!("Default: {default}")),
        _ => {}
    }
    lines
}
