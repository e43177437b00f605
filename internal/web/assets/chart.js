// The chart of messages over time. Its data is in an element beside it, and comes again while the page is live.
"use strict";
(() => {
	let plot = null;
	let shown = "";

	const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

	// Each series is drawn with those below it added: the later ones cover the earlier ones, and what is left of each is its own part.
	const stacked = (data) => {
		const sums = [];
		let below = data.at.map(() => 0);
		for (const series of data.series) {
			below = series.map((n, i) => n + below[i]);
			sums.unshift(below);
		}
		return [data.at, ...sums];
	};

	const draw = () => {
		const place = document.getElementById("chart");
		const source = document.getElementById("chart-data");
		if (!place || !source || !window.uPlot) return;
		if (plot && plot.root.isConnected && source.dataset.chart === shown) return;
		const data = JSON.parse(source.dataset.chart);
		if (plot && plot.root.isConnected && plot.step === data.step) {
			plot.setData(stacked(data));
			shown = source.dataset.chart;
			return;
		}
		if (plot) plot.destroy();
		const bars = window.uPlot.paths.bars({size: [0.72, 40], radius: 0.12});
		const series = (label, name) => ({label, fill: colour(name), width: 0, paths: bars, points: {show: false}});
		const axis = {stroke: colour("--dim"), grid: {stroke: colour("--grid"), width: 1}, ticks: {show: false}, font: "12px system-ui"};
		plot = new window.uPlot({
			width: place.clientWidth, height: 186, legend: {show: false}, cursor: {show: false},
			scales: {x: {range: (u, min, max) => [min - data.step / 2, max + data.step / 2]}, y: {range: (u, min, max) => [0, Math.max(4, max * 1.08)]}},
			series: [{}, series("refused", "--refuse"), series("failed", "--fail"), series("accepted", "--other"), series("used", "--used")],
			axes: [{...axis, grid: {show: false}}, {...axis, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000, 100000]}],
			fmtDate: (template) => window.uPlot.fmtDate(template.replace("{h}", template.includes("{mm}") ? "{HH}" : "{HH}:00").replace("{aa}", "").replace("{M}/{D}/{YY}", "{YYYY}-{MM}-{DD}").replace("{M}/{D}", "{MM}-{DD}")),
		}, stacked(data), place);
		plot.step = data.step;
		shown = source.dataset.chart;
	};

	const again = () => {
		if (plot) plot.destroy();
		plot = null;
		draw();
	};

	document.addEventListener("DOMContentLoaded", draw);
	document.addEventListener("htmx:afterSettle", draw);
	window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
	window.addEventListener("resize", () => {
		const place = document.getElementById("chart");
		if (plot && place) plot.setSize({width: place.clientWidth, height: 186});
	});
})();
