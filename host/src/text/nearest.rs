//! The choice of the known name that was probably meant.

use strsim::osa_distance;

/// Find the known name that `name` is probably a slip of: the nearest one, if not more than every fourth letter
/// differs.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, nearest) =
        known.into_iter().map(|known| (osa_distance(name, known), known)).min_by_key(|it| it.0)?;
    let shorter = name.chars().count().min(nearest.chars().count());
    (distance <= (shorter / 4).max(1) && distance < shorter).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_slip_of_a_finger() {
        let known = ["command", "user", "umask", "startsecs"];
        for (slip, meant) in
            [("comand", "command"), ("ocmmand", "command"), ("start_secs", "startsecs"), ("usr", "user")]
        {
            assert_eq!(nearest(slip, known), Some(meant));
        }
        for other in ["zzz", "seconds", "commandment", "u", ""] {
            assert_eq!(nearest(other, known), None, "{other}");
        }
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
