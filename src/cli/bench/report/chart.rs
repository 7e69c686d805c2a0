use crate::cli::bench::report::escape::escaped;
use crate::cli::bench::report::report::{Chart, ChartBar};

/// Places in the drawing, in its own units.
const LABEL_WIDTH: f64 = 190.0;
const BAR_WIDTH: f64 = 460.0;
const VALUE_WIDTH: f64 = 110.0;
const ROW_HEIGHT: f64 = 26.0;

/// A chart as a drawing that stands in a page.
pub(in crate::cli) fn svg(chart: &Chart) -> String {
    let most = chart.bars.iter().filter_map(most_of).fold(0.0, f64::max);
    let width = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH;
    let rows: Vec<String> = chart
        .bars
        .iter()
        .scan(0.0, |top, bar| {
            let row = draw(bar, *top, most, chart.show);
            *top += ROW_HEIGHT;
            Some(row)
        })
        .collect();
    let height = chart.bars.iter().fold(0.0, |height, _| height + ROW_HEIGHT);
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n",
        escaped(chart.title),
        rows.concat()
    )
}

fn draw(bar: &ChartBar, top: f64, most: f64, show: fn(f64) -> String) -> String {
    let along = |value: f64| if most > 0.0 { BAR_WIDTH * value / most } else { 0.0 };
    let text = top + ROW_HEIGHT * 0.68;
    let label = format!(
        "<text x=\"{:.1}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>",
        LABEL_WIDTH - 10.0,
        escaped(&bar.label)
    );
    let Some(value) = bar.value else {
        return format!("{label}<text x=\"{LABEL_WIDTH}\" y=\"{text:.1}\">-</text>\n");
    };
    let length = along(value);
    let drawn = format!(
        "<rect class=\"bar\" x=\"{LABEL_WIDTH}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"{:.1}\"/>",
        top + 4.0,
        ROW_HEIGHT - 8.0
    );
    let (low, high) = bar.range.unwrap_or((value, value));
    let middle = top + ROW_HEIGHT / 2.0;
    let range = if bar.range.is_some() {
        format!(
            "<line class=\"range\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>",
            LABEL_WIDTH + along(low),
            LABEL_WIDTH + along(high)
        )
    } else {
        String::new()
    };
    let end = LABEL_WIDTH + length.max(along(high)) + 8.0;
    let shown = escaped(&show(value));
    format!("{label}{drawn}{range}<text x=\"{end:.1}\" y=\"{text:.1}\">{shown}</text>\n")
}

/// How far a bar reaches, its runs included.
fn most_of(bar: &ChartBar) -> Option<f64> {
    let value = bar.value?;
    Some(bar.range.map_or(value, |(_, high)| high.max(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::measure::figures::time;

    #[test]
    fn the_longest_bar_fills_the_room_and_an_unknown_one_is_a_dash() {
        let mut chart = Chart::new("a < b", time);
        let bar = |label: &str, value, range| ChartBar { label: label.to_owned(), value, range };
        chart.bars.push(bar("one", Some(1.0), Some((0.5, 2.0))));
        chart.bars.push(bar("<none>", None, None));
        let drawn = svg(&chart);
        assert!(drawn.contains("width=\"230.0\""), "{drawn}");
        assert!(drawn.contains("x2=\"650.0\""), "{drawn}");
        assert!(drawn.contains("&lt;none&gt;") && drawn.contains(">-<"), "{drawn}");
        assert!(drawn.contains("aria-label=\"a &lt; b\""), "{drawn}");
    }
}
