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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    const STYLE: &str = include_str!("assets/supervisor.css");

    /// Variables of the first `:root` in a text, which are colours.
    fn colours(style: &str) -> BTreeMap<&str, [f64; 3]> {
        let root = style.split_once(":root {").and_then(|(_, rest)| rest.split_once('}')).unwrap().0;
        let variables = root.split(';').filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
        let channel = |hex: &str, at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        variables.map(|(name, hex)| (name, [0, 2, 4].map(|at| channel(hex, at)))).collect()
    }

    /// Contrast of two colours, as WCAG 2 counts it.
    fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let luminance = |colour: [f64; 3]| {
            let [red, green, blue] =
                colour.map(|part| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) });
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn contrasts_are_those_of_the_guidelines() {
        assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
        let dark = STYLE.split_once("prefers-color-scheme: dark").unwrap().1;
        let (light, dark) = (colours(STYLE), colours(dark));
        assert_eq!(light.keys().collect::<Vec<_>>(), dark.keys().collect::<Vec<_>>(), "each has a counterpart");
        for (scheme, colours) in [("light", &light), ("dark", &dark)] {
            let check = |front: &str, back: &str, least: f64| {
                let found = contrast(colours[front], colours[back]);
                assert!(found >= least, "{scheme}: {front} on {back} is {found:.2}, less than {least}");
            };
            // AA: text 4.5, what is no text but has to be seen 3.
            for text in ["text", "quiet", "link", "warning"] {
                check(text, "page", 4.5);
                check(text, "raised", 4.5);
            }
            for badge in ["running", "trouble", "nominal", "mark"] {
                check(&format!("on-{badge}"), badge, 4.5);
            }
            // A button that is pressed has its colours the other way round.
            check("page", "text", 4.5);
            for sign in ["edge", "graph", "trouble"] {
                check(sign, "page", 3.0);
            }
            check("edge", "raised", 3.0);
        }
    }

    #[test]
    fn all_colours_are_variables() {
        let rules = STYLE.split_once("body {").unwrap().1;
        assert!(!rules.contains('#') || rules.split('#').skip(1).all(|rest| rest.starts_with(char::is_alphabetic)));
        let used = rules.split("var(--").skip(1).map(|rest| rest.split(')').next().unwrap());
        let known = colours(STYLE);
        for name in used {
            assert!(known.contains_key(name), "{name} is no colour");
        }
    }
}
