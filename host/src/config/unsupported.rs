//! What a config may say, and what is checked, but not done yet: refused, so that nothing is ignored in silence.
//!
//! As each of these comes to work, its line here goes.

use super::{Logfile, Output, Supervisord, error::ConfigError, options, reader::Reader};

/// Refuses the activity log in syslog.
pub(super) fn supervisord(reader: &Reader<'_>, supervisord: &Supervisord) -> Result<(), ConfigError> {
    if supervisord.logfile != Logfile::Syslog {
        return Ok(());
    }
    if reader.text(options::supervisord::logfile.key).as_deref() == Some("syslog") {
        key(reader, options::supervisord::logfile.key);
        Ok(())
    } else {
        Err(ConfigError::new("-l syslog is not supported yet"))
    }
}

/// Refuses capture mode, log events and syslog of a program.
pub(super) fn output(reader: &Reader<'_>, output: &Output, keys: [&str; 4]) {
    let [capture_maxbytes, events_enabled, syslog, logfile] = keys;
    if output.capture_maxbytes > 0 {
        key(reader, capture_maxbytes);
    }
    if output.events_enabled {
        key(reader, events_enabled);
    }
    if output.syslog {
        key(reader, if reader.has(syslog) { syslog } else { logfile });
    }
}

fn key(reader: &Reader<'_>, key: &str) {
    let Some(entry) = reader.entry(key) else { return };
    let value = reader.unexpanded(key).unwrap_or_default();
    reader.refuse(key, format!("{key}={value} in [{}] ({}) is not supported yet", reader.section.name, entry.place));
}
