//! Layout of topics on a terminal, as Python's `cmd` does it.

use crate::text::pad::pad;

/// Width of a terminal, to Supervisor, in columns.
const WIDTH: usize = 80;

/// The topics of one group of commands, sorted, under a header; every line with its end.
pub(super) fn topics(group: &str, names: &mut Vec<&str>) -> String {
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return "\n".to_owned();
    }
    let header = format!("{group} commands (type help <topic>):");
    let ruler = "=".repeat(header.chars().count());
    format!("\n{header}\n{ruler}\n{}\n", columns(names, WIDTH - 1))
}

/// Lay out names down, then across, in the fewest rows that fit into `width`. Columns but the last of a row keep their
/// blanks.
fn columns(names: &[&str], width: usize) -> String {
    if let [only] = names {
        return format!("{only}\n");
    }
    let (rows, widths) = (1..names.len())
        .map(|rows| (rows, column_widths(names, rows)))
        .find(|(_, widths)| widths.iter().map(|w| w + 2).sum::<usize>() <= width + 2)
        .unwrap_or_else(|| (names.len(), vec![0]));
    let mut text = String::new();
    for row in 0..rows {
        let cells: Vec<String> =
            names[row..].iter().step_by(rows).zip(&widths).map(|(name, &width)| pad(name, width)).collect();
        text.push_str(&cells.join("  "));
        text.push('\n');
    }
    text
}

fn column_widths(names: &[&str], rows: usize) -> Vec<usize> {
    names.chunks(rows).map(|column| column.iter().map(|name| name.chars().count()).max().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_commands() {
        let mut names: Vec<&str> =
            "status pid start stop restart signal tail maintail clear reread update add remove avail reload shutdown \
             open version fg quit exit"
                .split(' ')
                .collect();
        let expected = "\n\
            default commands (type help <topic>):\n\
            =====================================\n\
            add    exit      open  reload  restart   start   tail   \n\
            avail  fg        pid   remove  shutdown  status  update \n\
            clear  maintail  quit  reread  signal    stop    version\n\
            \n";
        assert_eq!(topics("default", &mut names), expected);
    }

    #[test]
    fn one_none_and_very_long() {
        assert_eq!(topics("x", &mut vec![]), "\n");
        assert_eq!(columns(&["only"], 79), "only\n");
        let long = "x".repeat(60);
        assert_eq!(columns(&[&long, "y"], 79), format!("{long}  y\n"));
        assert_eq!(columns(&[&long, &long], 79), format!("{long}\n{long}\n"));
        let endless = "x".repeat(70_000);
        assert_eq!(columns(&[&endless, "y", "z"], 140_000), format!("{endless}  y  z\n"));
    }
}
