//! Which of several known names was probably meant.

/// The known name that `name` is probably a slip of: the nearest one, if not more than every fourth letter differs.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, nearest) = known.into_iter().map(|known| (distance(name, known), known)).min_by_key(|it| it.0)?;
    let shorter = name.chars().count().min(nearest.chars().count());
    (distance <= (shorter / 4).max(1) && distance < shorter).then_some(nearest)
}

/// Edits that turn one into the other: insert, delete, replace, or swap two neighbours.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut rows = vec![(0..=right.len()).collect::<Vec<usize>>()];
    for (i, &l) in left.iter().enumerate() {
        let above = &rows[i];
        let mut row = vec![i + 1];
        for (j, &r) in right.iter().enumerate() {
            let mut best = (above[j + 1] + 1).min(row[j] + 1).min(above[j] + usize::from(l != r));
            if i > 0 && j > 0 && l == right[j - 1] && left[i - 1] == r {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
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
