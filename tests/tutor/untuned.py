"""Thirty questions that nobody had tuned the tutor for when they were written down, with a piece of the right answer.

Asked for the first time, 20 were answered right and 10 declined; none was answered wrong.
"""

from __future__ import annotations

ASKED = [
    ("Hey, what do I get when I square 13?", "169"),
    ("Could you tell me the roots of 2x^2 - 8 please?", "x = 2"),
    ("I'd like a picture of the function cos(x)/2", "cos(x)/2"),
    ("Find the value of 7x - 3 when x equals negative 2", "-17"),
    ("Work out the gradient of the curve y = 4x^3 when x = -1", "12"),
    ("At what points does the parabola y = x^2 - 1 cut the x-axis?", "x = 1"),
    ("What's the biggest value that 10 - x^2 can take?", "10"),
    ("Show a graph of h(t) = 20t - 5t^2 from t = 0 to t = 4", "h(t) = 20t"),
    ("Solve this pair of equations: 3p + q = 10 and p - q = 2", "p = 3"),
    ("Is the curve y = 1/x convex for x > 0?", "convex"),
    ("Determine whether f(x) = 5 - x^2 is concave or convex", "concave"),
    ("How does the function x^3 - 12x behave: where is it increasing?", "x < -2"),
    ("Use integration to find the area under y = 3x^2 from x = 1 to x = 2", "7"),
    ("What happens to 1/x as x goes to infinity?", "0"),
    ("Give me the first three derivatives of x^4", "24x"),
    ("Please expand (2x - 1)^2 and then plot it", "4x"),
    ("What is two thirds of 27?", "18"),
    ("What is the cube root of 64 plus 1?", "5"),
    ("f(x) = 2^x, find x such that f(x) = 32", "x = 5"),
    ("Which is the solution of x/3 + 2 = 5?", "x = 9"),
    ("Draw both y = x and y = x^3 between -1.5 and 1.5", "x³"),
    ("Evaluate 3!, 4! and 5!", "120"),
    ("Compute the tangent line of sqrt(x) at x = 4", "x/4 + 1"),
    ("Gib mir die Lösung von 5x = 2x + 12", "x = 4"),
    ("Wann ist x^2 größer als 16?", "x > 4"),
    ("Wie sieht der Graph von y = -x^2 + 2 aus?", "x² + 2"),
    ("Welchen Wert hat 2x^2 - x bei x = 3?", "15"),
    ("Berechne bitte die Steigung der Funktion f(x) = x^2 - 4x an der Stelle 3", "2"),
    ("Bestimme den Grenzwert von (2x+1)/(x-3), wenn x gegen unendlich geht", "2"),
    ("If a rectangle has sides 3 and 7, what is its area?", "21"),
]
