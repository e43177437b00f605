// What both pages need: local times, and the state of the live connection.
"use strict";
(() => {
	const day = new Intl.DateTimeFormat("en-CA", {year: "numeric", month: "2-digit", day: "2-digit"});
	const time = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});

	// Times come in UTC. They are shown in the reader's time zone, with the date if it isn't today.
	const localize = (root) => {
		const today = day.format(new Date());
		for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
			const at = new Date(element.dateTime);
			if (Number.isNaN(at.getTime())) continue;
			const date = day.format(at);
			element.textContent = (date === today ? "" : date + " ") + time.format(at);
			element.dataset.local = "";
		}
	};

	const live = (text, good) => {
		for (const element of document.querySelectorAll("[data-live]")) {
			if (element.textContent === text) continue;
			element.textContent = text;
			element.classList.toggle("on", good);
		}
	};

	document.addEventListener("DOMContentLoaded", () => localize(document));
	document.addEventListener("htmx:beforeSwap", (event) => {
		if (event.detail.xhr.status >= 400 && event.detail.xhr.status < 500) event.detail.shouldSwap = true;
	});
	document.addEventListener("htmx:afterSwap", () => localize(document));
	document.addEventListener("htmx:sseOpen", () => live("live", true));
	document.addEventListener("htmx:sseError", () => live("reconnecting", false));
})();
