package providers

// As returns the first Provider that is a T: p itself, or one that p wraps. A Provider that wraps another one has a method
// Unwrap() Provider. T is an optional interface such as [Checker]:
//
//	checker, ok := providers.As[providers.Checker](p)
func As[T any](p Provider) (found T, ok bool) {
	for p != nil {
		if found, ok = p.(T); ok {
			return found, true
		}
		wrapper, wraps := p.(interface{ Unwrap() Provider })
		if !wraps {
			break
		}
		p = wrapper.Unwrap()
	}
	return found, false
}
