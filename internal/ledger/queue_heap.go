package ledger

import (
	"cmp"
	"container/heap"
)

func moreUrgent(a, b *queued) bool {
	return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Due(), b.Due()), cmp.Compare(a.n, b.n)) < 0
}

func sooner(a, b *queued) bool { return a.Due() < b.Due() }

// queueHeap is items in an order, the first of which is found at once.
type queueHeap struct {
	items []*queued
	less  func(a, b *queued) bool
}

func (h *queueHeap) first() *queued {
	if len(h.items) == 0 {
		return nil
	}
	return h.items[0]
}

func (h *queueHeap) add(e *queued) {
	e.in = h
	heap.Push(h, e)
}

func (h *queueHeap) remove(e *queued) {
	heap.Remove(h, e.place)
	e.in = nil
}

// Len is for package heap, and so are the others.
func (h *queueHeap) Len() int           { return len(h.items) }
func (h *queueHeap) Less(i, j int) bool { return h.less(h.items[i], h.items[j]) }
func (h *queueHeap) Swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.items[i].place, h.items[j].place = i, j
}
func (h *queueHeap) Push(x any) {
	e := x.(*queued)
	e.place = len(h.items)
	h.items = append(h.items, e)
}
func (h *queueHeap) Pop() any {
	last := h.items[len(h.items)-1]
	h.items[len(h.items)-1] = nil
	h.items = h.items[:len(h.items)-1]
	return last
}
