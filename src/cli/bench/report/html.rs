//! The page: one file that needs nothing beside it.

use crate::cli::bench::report::chart::svg;
use crate::cli::bench::report::escape::escaped;
use crate::cli::bench::report::report::{BenchReport, Table};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b2733;--dim:#5a6a78;--paper:#fbfaf7;--line:#d8d5cc;--bar:#2f6f8f;--mark:#b4541f}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e3da;--dim:#9aa7b2;--paper:#14191e;--line:#36404a;--bar:#5aa3c4;--mark:#e39a62}}\
body{margin:2rem auto;max-width:60rem;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}\
h1{font-size:1.6rem}h2{font-size:1.1rem;margin-top:2rem}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1rem}dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:.25rem .75rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}\
th:first-child,td:first-child{text-align:left}th{color:var(--dim);font-weight:600}\
svg{width:100%;height:auto}svg text{font:13px system-ui,sans-serif;fill:var(--ink)}\
svg .bar{fill:var(--bar)}svg .range{stroke:var(--mark);stroke-width:2}li{color:var(--dim)}";

/// The report as a page.
pub(in crate::cli) fn page(report: &BenchReport) -> String {
    let title = escaped(&format!("carrack bench {}", report.bench));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<dl>\n"
    );
    for (name, line) in report.lines() {
        out.extend(["<dt>", &escaped(&name), "</dt><dd>", &escaped(&line), "</dd>\n"]);
    }
    out.push_str("</dl>\n");
    for table in &report.tables {
        push_table(&mut out, table);
    }
    for chart in &report.charts {
        out.extend(["<h2>", &escaped(chart.title), "</h2>\n", &svg(chart)]);
    }
    out.push_str("<h2>To be known when reading this</h2>\n<ul>\n");
    for remark in report.remarks() {
        out.extend(["<li>", &escaped(&remark), "</li>\n"]);
    }
    out.push_str("</ul>\n</body>\n</html>\n");
    out
}

fn push_table(out: &mut String, table: &Table) {
    let title = escaped(table.title);
    out.extend(["<h2>", &title, "</h2>\n<div class=\"wide\">\n<table>\n<thead>"]);
    push_row(out, "th", table.head.iter().copied());
    out.push_str("</thead>\n<tbody>\n");
    for row in &table.rows {
        push_row(out, "td", row.iter().map(String::as_str));
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

fn push_row<'a>(out: &mut String, tag: &str, cells: impl Iterator<Item = &'a str>) {
    out.push_str("<tr>");
    for cell in cells {
        out.extend(["<", tag, ">", &escaped(cell), "</", tag, ">"]);
    }
    out.push_str("</tr>\n");
}
