//! Style sheet, script and images of the pages. They are part of the binary: there is nothing to install and nothing to read.

/// The script that keeps the status page alive.
pub(super) const SCRIPT: &[u8] = include_bytes!("assets/live.js");

/// Content type and bytes of the file at a path.
pub(super) fn find(path: &str) -> Option<(&'static str, &'static [u8])> {
    Some(match path {
        "/stylesheets/supervisor.css" => ("text/css", include_bytes!("assets/supervisor.css")),
        "/javascripts/live.js" => ("text/javascript", SCRIPT),
        "/images/icon.png" => ("image/png", include_bytes!("assets/icon.png")),
        "/images/supervisor.gif" => ("image/gif", include_bytes!("assets/supervisor.gif")),
        "/images/rule.gif" => ("image/gif", include_bytes!("assets/rule.gif")),
        "/images/state0.gif" => ("image/gif", include_bytes!("assets/state0.gif")),
        "/images/state1.gif" => ("image/gif", include_bytes!("assets/state1.gif")),
        "/images/state2.gif" => ("image/gif", include_bytes!("assets/state2.gif")),
        "/images/state3.gif" => ("image/gif", include_bytes!("assets/state3.gif")),
        _ => return None,
    })
}

/// Tell whether a path is that of a directory and lacks its last slash.
pub(super) fn is_directory(path: &str) -> bool {
    ["/stylesheets", "/javascripts", "/images"].contains(&path)
}
